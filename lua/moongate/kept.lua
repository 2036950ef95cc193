--- kept: the request of a function that waits: as `req` elsewhere, but it lives until the function has ended.
local abi = require "moongate.abi"
local proxy = require "moongate.proxy"
local request = require "moongate.request"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

-- The task of each, so that a script cannot reach it. It may not lead back to its request.
local tasks = setmetatable({}, { __mode = "k" })

local function pointer(self, name)
    local task = tasks[self]
    if not task then proxy.not_one(name) end
    local r = C.mg_async_request(script, task.at, task.serial)
    if r == nil then where.fail "this request has been answered already" end
    return r
end

local function holder(self)
    local task = tasks[self]
    return task.at, task.serial
end

local metatable = proxy.metatable(pointer, holder)

--- The request of a task { at, serial }.
function M.request(task)
    local self = setmetatable({}, metatable)
    tasks[self] = task
    return self
end

--- True for the request of that task.
function M.is_of(req, task)
    return req ~= nil and tasks[req] == task
end

--- C's request behind one that a script has: of a function that waits, or of one that does not; nil for others.
function M.pointer(req)
    if tasks[req] then return pointer(req) end
    return request.is_request(req) and req or nil
end

return M
