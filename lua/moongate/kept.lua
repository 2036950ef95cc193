--- kept: the requests that functions get, and the class that they share with responses.
-- Each is a light userdata whose number is never used again (handle.c). So a request that a script keeps can never be
-- mistaken for a later one: it is over once its function has ended. `now` holds that of the function that runs.
local abi = require "moongate.abi"
local proxy = require "moongate.proxy"
local request = require "moongate.request"
local response = require "moongate.response"
local where = require "moongate.where"

local C, script, batch = abi.C, abi.script, abi.batch
local now, turn, sort, owner = abi.waiting.now, abi.waiting.turn, abi.waiting.sort, abi.waiting.owner
local BY_TURN = C.MG_BY_TURN

local M = {}

local OVER = request.over

local function not_its_own(self, name)
    if sort(self) == "request" then where.fail(OVER) end
    proxy.not_one(name)
end

-- C's struct: a slot of the turn, or the request of the waiting function that runs now.
local function pointer(self, name)
    if (self ~= now[1] or not self) and not turn(self) then not_its_own(self, name) end
    local r = batch.request
    if r == nil then where.fail(OVER) end
    return r
end

-- C finds out who owns the bytes that are written: the function that waits, or the turn.
local function holder()
    C.mg_async_touch(script)
    return BY_TURN, 0
end

local requests = proxy.metatable(pointer, holder)
local index, set, text = requests.__index, requests.__newindex, requests.__tostring

-- Methods that only responses have. They check themselves what they are called on.
local own = {}
local function shared(name) return request.methods[name] or request.editors[name] end
for name, method in pairs(response.methods) do own[name] = not shared(name) and method or nil end

-- One class for all light userdata: what is not a request of the running function is a response, or over.
abi.set_class(abi.waiting.handles, {
    __metatable = "moongate",
    __index = function(self, name)
        if self == now[1] then return index(self, name) end
        local method = own[name]
        if method then return method end
        if turn(self) then return index(self, name) end
        return response.index(self, name)
    end,
    __newindex = function(self, name, value)
        if self ~= now[1] and sort(self) == "response" then return response.set(self, name, value) end
        set(self, name, value)
    end,
    __tostring = function(self)
        if sort(self) == "response" then return response.text(self) end
        return text(self)
    end,
})

--- The handle of the function that has this request: at, serial.
function M.handle(self)
    pointer(self)
    return owner()
end

--- C's struct behind the running function's request. nil for other values; an error for a request that is over.
function M.pointer(value)
    return sort(value) == "request" and pointer(value) or nil
end

return M
