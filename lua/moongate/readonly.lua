--- readonly: what scripts may read and not change: writes are errors that say so.
local where = require "moongate.where"

local M = {}

-- What is behind each.
local fields_of = setmetatable({}, { __mode = "k" })

--- A __newindex for objects: raises an error.
-- @param what string  "a pool"
function M.refuse(what)
    return function(_, name)
        where.fail(("'%s' cannot be set: %s is read-only"):format(tostring(name), what))
    end
end

--- A table that has those fields, whose pairs come by M.pairs alone.
-- @param what string      "mg.timer"
-- @param metatable table  what else it has, or nil
function M.of(what, fields, metatable)
    metatable = metatable or {}
    metatable.__metatable, metatable.__index = what, fields
    metatable.__newindex = M.refuse(what)
    metatable.__tostring = metatable.__tostring or function() return what end
    local made = setmetatable({}, metatable)
    fields_of[made] = fields
    return made
end

--- As Lua's pairs, but of such a table a copy's.
function M.pairs(of)
    local fields = of ~= nil and fields_of[of]
    if not fields then return pairs(of) end
    local copy = {}
    for name, value in pairs(fields) do copy[name] = value end
    return pairs(copy)
end

return M
