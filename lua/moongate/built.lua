--- built: requests that a script makes itself: `mg.request.get(key)`, `mg.request.set(key, value, flags, exptime)`.
local abi = require "moongate.abi"
local where = require "moongate.where"

local C = abi.C

local M = {}

-- What each holds: { command, key, value, flags, exptime, number }.
local fields = setmetatable({}, { __mode = "k" })

local function check_key(key)
    if type(key) ~= "string" then where.fail("a key is a string, not a " .. type(key)) end
    if #key == 0 or #key > 250 or key:find "[%z\1-\32\127]" then
        where.fail "a key is 1 to 250 bytes without spaces and control bytes"
    end
end

local function check_value(value)
    if type(value) ~= "string" then where.fail("a value is a string, not a " .. type(value)) end
end

local function whole(name, least, most)
    return function(value)
        if type(value) ~= "number" or not (value >= least and value <= most) or value % 1 ~= 0 then
            where.fail(("%s is a whole number from %.0f to %.0f, not %s"):format(name, least, most, tostring(value)))
        end
    end
end

local checks = {
    key = check_key,
    value = check_value,
    flags = whole("flags", 0, 2 ^ 32 - 1),
    exptime = whole("exptime", -2 ^ 31, 2 ^ 31 - 1),
    cas = whole("cas", 0, 2 ^ 53),
    delta = whole("delta", 0, 2 ^ 53),
}

local methods = {}

function methods.has_prefix(self, prefix)
    return self.key:sub(1, #prefix) == prefix
end

local metatable = {
    __metatable = "request",
    __index = function(self, name)
        if methods[name] then return methods[name] end
        local value = fields[self][name]
        if value == nil and not checks[name] then where.fail(("a request has no field '%s'"):format(tostring(name))) end
        return value
    end,
    __newindex = function(self, name, value)
        if not checks[name] or fields[self][name] == nil then
            where.fail(("this request has no field '%s' that can be set"):format(tostring(name)))
        end
        checks[name](value)
        fields[self][name] = value
    end,
    __tostring = function(self)
        return "request: " .. fields[self].command
    end,
}

M.fields, M.methods = checks, methods

local function make(command, values)
    for name, value in pairs(values) do checks[name](value) end
    values.command = command
    values.id = C.mg_find_command(command, #command)
    local self = setmetatable({}, metatable)
    fields[self] = values
    return self
end

--- The requests that can be made: command by command.
M.make = {}

for _, command in ipairs { "get", "gets", "delete" } do
    M.make[command] = function(key) return make(command, { key = key or false }) end
end

--- flags and exptime are 0 where they are not given.
for _, command in ipairs { "set", "add", "replace", "append", "prepend" } do
    M.make[command] = function(key, value, flags, exptime)
        return make(command, { key = key or false, value = value or false, flags = flags or 0, exptime = exptime or 0 })
    end
end

function M.make.cas(key, value, cas, flags, exptime)
    return make("cas", { key = key or false, value = value or false, cas = cas or false, flags = flags or 0,
        exptime = exptime or 0 })
end

for _, command in ipairs { "incr", "decr" } do
    M.make[command] = function(key, delta)
        return make(command, { key = key or false, delta = delta or 1 })
    end
end

for _, command in ipairs { "touch", "gat", "gats" } do
    M.make[command] = function(key, exptime)
        return make(command, { key = key or false, exptime = exptime or 0 })
    end
end

--- For calls: the request as C takes it; nil for what is none. Valid until the next call of this.
function M.to_c(req)
    local f = fields[req]
    if not f then return nil end
    return abi.new_request(f)
end

return M
