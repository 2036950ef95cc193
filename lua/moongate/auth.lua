--- auth: the option `auth` of pools and servers: `mg.pool { "10.0.0.1:11211", auth = "/etc/moongate/memcached.user" }`.
-- A value is the path of a file with a line `user:password`, a table { file = , mechanism = }, or false. That of a
-- server takes the place of its pool's, and that of a pool the place of mg.defaults'.
local abi = require "moongate.abi"
local options = require "moongate.options"

local C, script = abi.C, abi.script

local M = {}

local function mechanism(value)
    if value == "ascii" or value == "sasl" then return value end
    return nil, ("takes \"ascii\" or \"sasl\", not %s"):format(tostring(value))
end

local readers = { file = options.text "the path of a file", mechanism = mechanism }

--- Reads a value of the option, and the file. Returns the number by which C knows what that says, 0 for none; or
-- nil and what is wrong.
function M.read(value)
    if value == false then return 0 end
    local given = type(value) == "table" and value or { file = value }
    if #given > 0 or options.has_gap(given) then return nil, "takes a table of options: auth = { file = \"FILE\" }" end
    local wrong = options.read(given, readers, function() end)
    if wrong and given ~= value then
        return nil, "takes the path of a file, a table or false, not " .. tostring(value)
    end
    if wrong then return nil, "has a table with " .. wrong end
    if not given.file then return nil, "has a table without file: auth = { file = \"FILE\" }" end
    local number = C.mg_auth(script, given.file, given.mechanism == "sasl")
    if number == 0 then return nil, abi.text(C.mg_wrong(script)) end
    return number
end

return M
