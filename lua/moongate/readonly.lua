--- readonly: tables that scripts can read but not change: to write to one is an error that says so.
local where = require "moongate.where"

local M = {}

-- The fields of each such table.
local fields_of = setmetatable({}, { __mode = "k" })

--- A __newindex for objects: raises an error.
-- @param what string  "a pool"
function M.refuse(what)
    return function(_, name)
        where.fail(("'%s' cannot be set: %s is read-only"):format(tostring(name), what))
    end
end

--- A table with those fields. Only M.pairs lists them.
-- @param what string      "mg.timer"
-- @param metatable table  further metamethods, or nil
function M.of(what, fields, metatable)
    metatable = metatable or {}
    metatable.__metatable, metatable.__index = what, fields
    metatable.__newindex = M.refuse(what)
    metatable.__tostring = metatable.__tostring or function() return what end
    local made = setmetatable({}, metatable)
    fields_of[made] = fields
    return made
end

--- As Lua's pairs; for such a table the pairs of a copy.
function M.pairs(of)
    local fields = of ~= nil and fields_of[of]
    if not fields then return pairs(of) end
    local copy = {}
    for name, value in pairs(fields) do copy[name] = value end
    return pairs(copy)
end

return M
