--- kept: the request of a function that waits: as `req` elsewhere, but it lives until the function has ended.
-- C makes it (coroutine.c), as a userdata with this metatable.
local abi = require "moongate.abi"
local proxy = require "moongate.proxy"
local request = require "moongate.request"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

-- Nobody else makes userdata, and no script can give one a metatable.
local function is_one(value)
    return type(value) == "userdata" and getmetatable(value) == "request"
end

local function handle(self, name)
    if not is_one(self) then proxy.not_one(name) end
    return abi.handle(self)
end

local function pointer(self, name)
    local of = handle(self, name)
    local r = C.mg_async_request(script, of.at, of.serial)
    if r == nil then where.fail "this request has been answered already, or is another function's" end
    return r
end

--- The handle of its function: at, serial.
function M.handle(self)
    local of = handle(self)
    return of.at, of.serial
end

M.metatable = proxy.metatable(pointer, M.handle)

--- True for the request of the function with that handle.
function M.is_of(value, at, serial)
    if not is_one(value) then return false end
    local of = abi.handle(value)
    return of.at == at and of.serial == serial
end

--- C's request behind one that a script has: of a function that waits, or of one that does not; nil for others.
function M.pointer(req)
    if is_one(req) then return pointer(req) end
    return request.is_request(req) and req or nil
end

return M
