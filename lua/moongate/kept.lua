--- kept: the request of a function that waits: as `req` elsewhere, but it lives until the function has ended.
local abi = require "moongate.abi"
local request = require "moongate.request"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

-- The task of each, so that a script cannot reach it.
local tasks = setmetatable({}, { __mode = "k" })

local function pointer(self)
    local task = tasks[self]
    local r = C.mg_async_request(script, task.at, task.serial)
    if r == nil then where.fail "this request has been answered already" end
    return r
end

local methods = {}
for name, method in pairs(request.methods) do
    methods[name] = function(self, ...)
        if not tasks[self] then where.fail(("call it as req:%s(...)"):format(name)) end
        return method(pointer(self), ...)
    end
end

local function set_bytes(set)
    return function(self, value)
        local task = tasks[self]
        request.check(set(script, task.at, task.serial, value, #value))
    end
end

local setters = { key = set_bytes(C.mg_async_set_key), value = set_bytes(C.mg_async_set_value) }

local metatable = {
    __metatable = "request",
    __index = function(self, name)
        return methods[name] or pointer(self)[name]
    end,
    __newindex = function(self, name, value)
        local r = pointer(self)
        if setters[name] then
            request.expect_string(name, value)
            setters[name](self, value)
        else
            r[name] = value
        end
    end,
    __tostring = function(self)
        return "request: " .. pointer(self).command
    end,
}

--- The request of a task { at, serial }.
function M.request(task)
    local self = setmetatable({}, metatable)
    tasks[self] = task
    return self
end

--- C's request behind one that a script has: of a function that waits, or of one that does not; nil for others.
function M.pointer(req)
    if tasks[req] then return pointer(req) end
    return request.is_request(req) and req or nil
end

return M
