--- built: requests that a script makes itself: `mg.request.get(key)`, `mg.request.set(key, value, flags, exptime)`.
local abi = require "moongate.abi"
local kept = require "moongate.kept"
local proxy = require "moongate.proxy"
local request = require "moongate.request"
local response = require "moongate.response"
local where = require "moongate.where"

local C, script = abi.C, abi.script
local FLAGS, BY_LUA = C.MG_FLAGS, C.MG_BY_LUA

local M = {}

-- Behind each: { r = C's struct; key, value, meta: what its pointers point to; or lender: whose value it borrows }.
local insides = setmetatable({}, { __mode = "k" })

-- A borrowed value is looked up each time: its owner may have ended.
local function borrow(inside)
    local of = inside.lender
    local status = C.mg_request_borrow(script, inside.r, of.at, of.serial, of.number, of.from, of.len)
    if status == C.MG_EDIT_OVER then where.fail "the response with this request's value is over, or has no value" end
    request.check(status)
end

local function pointer(self, name)
    local inside = insides[self]
    if not inside then proxy.not_one(name) end
    if inside.lender then borrow(inside) end
    return inside.r
end

local function holder()
    return BY_LUA, 0
end

-- Keeps alive what was written. Edited meta flags are in C's scratch memory before.
local function written(self, name, value)
    local inside = insides[self]
    local r = inside.r
    if name == "meta" then
        local exptime, flags = r.exptime, r.client_flags
        inside.meta = abi.string(r.args_at, r.args_len)
        request.check(C.mg_request_edit(script, r, FLAGS, inside.meta, #inside.meta, BY_LUA, 0))
        r.exptime = exptime
        request.check(C.mg_request_set_flags(r, flags))
    elseif name == "key" then
        inside.key = value
    elseif name == "value" then
        inside.value, inside.lender = value, nil
    end
end

local metatable = proxy.metatable(pointer, holder, written)

-- For tests that list the names.
M.fields, M.methods = { exptime = true }, {}
for name in pairs(request.fields) do M.fields[name] = true end
for name in pairs(request.methods) do M.methods[name] = true end
for name in pairs(request.editors) do M.methods[name] = true end

local function make(command)
    local self, r = setmetatable({}, metatable), abi.new_request()
    C.mg_request_make(r, C.mg_find_command(command, #command))
    insides[self] = { r = r }
    return self
end

local UNLIMITED = 2 ^ 32 - 1

-- Sets the value: a string, or that of a response, which is not copied.
local function set_value(self, value)
    local of = response.inside(value)
    if not of then
        self.value = value
        return
    end
    local inside = insides[self]
    inside.lender = { at = of.at, serial = of.serial, number = of.number, from = 0, len = UNLIMITED }
    borrow(inside)
end

local function set_numbers(self, flags, exptime)
    if flags ~= nil then self.flags = flags end
    if exptime ~= nil then self.exptime = exptime end
    return self
end

--- The requests that can be made: command by command.
M.make = {}

for _, command in ipairs { "get", "gets", "delete" } do
    M.make[command] = function(key)
        local self = make(command)
        self.key = key
        return self
    end
end

for _, command in ipairs { "set", "add", "replace", "append", "prepend" } do
    M.make[command] = function(key, value, flags, exptime)
        local self = make(command)
        self.key = key
        set_value(self, value)
        return set_numbers(self, flags, exptime)
    end
end

function M.make.cas(key, value, cas, flags, exptime)
    local self = make "cas"
    self.key, self.cas = key, cas
    set_value(self, value)
    return set_numbers(self, flags, exptime)
end

for _, command in ipairs { "incr", "decr" } do
    M.make[command] = function(key, delta)
        local self = make(command)
        self.key, self.delta = key, delta == nil and 1 or delta
        return self
    end
end

for _, command in ipairs { "touch", "gat", "gats" } do
    M.make[command] = function(key, exptime)
        local self = make(command)
        self.key = key
        return set_numbers(self, nil, exptime == nil and 0 or exptime)
    end
end

-- Sets the flags before the key: with b among them the key may have any bytes.
local function make_meta(command, key, flags)
    local self = make(command)
    if flags == nil then flags = "" end
    if type(flags) ~= "string" then where.fail("meta flags are a string as in \"v t\", not a " .. type(flags)) end
    local inside = insides[self]
    inside.meta = flags
    request.check(C.mg_request_edit(script, inside.r, FLAGS, flags, #flags, BY_LUA, 0))
    self.key = key
    return self
end

--- flags: as in the protocol, "v t"; without q.
local without_value = { meta_get = "mg", meta_delete = "md", meta_arithmetic = "ma", meta_debug = "me" }
for name, command in pairs(without_value) do
    M.make[name] = function(key, flags) return make_meta(command, key, flags) end
end

function M.make.meta_set(key, value, flags)
    local self = make_meta("ms", key, flags)
    set_value(self, value)
    return self
end

--- For policies: stores `len` bytes, from `from` on, of the value of a function's own request, without copying.
function M.store_part(command, key, req, from, len, flags, exptime)
    local self = make(command)
    self.key = key
    local at, serial = kept.handle(req)
    insides[self].lender = { at = at, serial = serial, number = -1, from = from, len = len }
    return set_numbers(self, flags, exptime)
end

--- C's struct behind a request that a script made; nil for other values. Raises an error when it cannot be sent.
function M.pointer(req)
    return insides[req] and pointer(req) or nil
end

return M
