--- request: what a script sees of the request being routed: `req.key`, `req:has_prefix "user:"`, `req.exptime = 60`.
-- req.exptime and req.flags are plain C numbers; the rest is looked up here. Nothing is allocated unless a string is
-- asked for.
local abi = require "moongate.abi"
local where = require "moongate.where"

local C, script, to_string = abi.C, abi.script, abi.string

-- "get", "set" ... by C's numbers, so that reading req.command makes no string.
local command_names = {}
for id = 0, 255 do
    local text = abi.text(C.mg_command_text(id))
    if not text then break end
    command_names[id] = text
end

local fields, methods, setters = {}, {}, {}

function fields.key(req)
    if req.key_at == 0 then where.fail "this request was routed already: use it only inside the route function" end
    return to_string(req.key_at, req.key_len)
end

function fields.command(req)
    return command_names[req.command_id]
end

function fields.value(req)
    if req.value_at == 0 then return nil end
    return to_string(req.value_at, req.value_len)
end

--- True when the key begins with `prefix`; makes no string.
function methods.has_prefix(req, prefix)
    if type(prefix) ~= "string" then where.fail("req:has_prefix takes a string, not a " .. type(prefix)) end
    return C.mg_request_has_prefix(req, prefix, #prefix)
end

local edit_errors = {
    [tonumber(C.MG_EDIT_OVER)] = "this request was routed already: use it only inside the route function",
    [tonumber(C.MG_EDIT_BAD_KEY)] = "a key is 1 to 250 bytes without spaces and control bytes",
    [tonumber(C.MG_EDIT_TOO_LARGE)] = "a value may not be longer than --max-value",
    [tonumber(C.MG_EDIT_NO_VALUE)] = "this command carries no value",
}

local function check(status)
    if status ~= 0 then where.fail(edit_errors[tonumber(status)]) end
end

local function expect_string(name, value)
    if type(value) ~= "string" then where.fail(("req.%s takes a string, not a %s"):format(name, type(value))) end
end

function setters.key(req, key)
    expect_string("key", key)
    check(C.mg_request_set_key(script, req, key, #key))
end

function setters.value(req, value)
    expect_string("value", value)
    check(C.mg_request_set_value(script, req, value, #value))
end

abi.metatype("struct request", {
    __metatable = "request",
    __index = function(req, name)
        local method = methods[name]
        if method then return method end
        local field = fields[name]
        if field then return field(req) end
        where.fail(("a request has no field '%s'"):format(tostring(name)))
    end,
    __newindex = function(req, name, value)
        local set = setters[name]
        if not set then where.fail(("a request has no field '%s' that can be set"):format(tostring(name))) end
        set(req, value)
    end,
    __tostring = function(req)
        return "request: " .. fields.command(req)
    end,
})

return { command_names = command_names, methods = methods, fields = fields, check = check,
    expect_string = expect_string, is_request = abi.is_request }
