--- shared: a bounded dictionary that all workers share, and that outlives scripts and workers.
--
--     local seen = mg.shared("seen", "1m")
--     if seen:incr(req.key, 1, 0, 60) > 1000 then ... end
local abi = require "moongate.abi"
local expect_loading = require("moongate.loading").expect
local options = require "moongate.options"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

local read_name = options.short_name(64)
local read_size = options.size(4096, 16 * 2 ^ 30)

local KEY_MAX, TTL_MOST = 250, 10 * 365 * 86400

local OK, EXISTS = C.SHARED_OK, C.SHARED_EXISTS
local TEXT, NUMBER, BOOLEAN = C.SHARED_TEXT, C.SHARED_NUMBER, C.SHARED_BOOLEAN
local errors = {
    [tonumber(C.SHARED_ABSENT)] = "not found",
    [tonumber(C.SHARED_TOO_LARGE)] = "too large",
    [tonumber(C.SHARED_NO_NUMBER)] = "not a number",
}

-- C's number of each dictionary; scripts cannot read it.
local numbers = setmetatable({}, { __mode = "k" })

-- Arguments and results of calls to C; C does not keep them.
local value, usage = abi.shared_value(), abi.shared_usage()

local dict = {}

local function number_of(d)
    local number = numbers[d]
    if not number then where.fail "call it with a colon on what mg.shared gave: shared:get(key)" end
    return number
end

local function check_key(key)
    if type(key) == "string" and #key >= 1 and #key <= KEY_MAX then return key end
    where.fail(("a key of a dictionary is a string of 1 to %d bytes, not %s"):format(KEY_MAX,
        type(key) == "string" and #key .. " bytes" or "a " .. type(key)))
end

local function check_number(what, x)
    if type(x) == "number" and x == x then return x end
    where.fail(("%s is a number, not %s"):format(what, tostring(x)))
end

local function check_ttl(ttl)
    if ttl == nil then return 0 end
    if type(ttl) == "number" and ttl > 0 and ttl <= TTL_MOST then return ttl end
    where.fail(("a time to live is seconds over 0, not %s; leave it out for no limit"):format(tostring(ttl)))
end

local function fill(x)
    local kind = type(x)
    if kind == "string" then
        value.kind, value.text, value.text_len = TEXT, x, #x
    elseif kind == "number" then
        value.kind, value.number = NUMBER, x
    elseif kind == "boolean" then
        value.kind, value.number = BOOLEAN, x and 1 or 0
    else
        where.fail(("a dictionary holds strings, numbers and booleans, not %s"):format(
            x == nil and "nil: use delete" or "a " .. kind))
    end
end

--- The value, or nil.
function dict.get(d, key)
    if C.mg_shared_get(script, number_of(d), check_key(key), #key, value) ~= OK then return nil end
    local kind = value.kind
    if kind == NUMBER then return value.number end
    if kind == BOOLEAN then return value.number ~= 0 end
    return abi.string(value.text, value.text_len)
end

--- True; or nil and "too large", and the old value stays.
function dict.set(d, key, x, ttl)
    local number, limit = number_of(d), check_ttl(ttl)
    check_key(key)
    fill(x)
    local status = C.mg_shared_set(script, number, key, #key, value, limit)
    if status == OK then return true end
    return nil, errors[status]
end

--- As set, but returns false when the key is there.
function dict.add(d, key, x, ttl)
    local number, limit = number_of(d), check_ttl(ttl)
    check_key(key)
    fill(x)
    local status = C.mg_shared_add(script, number, key, #key, value, limit)
    if status == OK then return true end
    if status == EXISTS then return false end
    return nil, errors[status]
end

--- Adds `by` (1 unless given) and returns the sum; or nil and "not found" or "not a number".
-- @param initial number|nil  where a missing key begins
-- @param ttl number|nil      of a key that begins; a key that is there keeps its own
function dict.incr(d, key, by, initial, ttl)
    local number = number_of(d)
    value.number = check_number("what incr adds", by == nil and 1 or by)
    local begins = initial ~= nil
    local first = begins and check_number("where incr begins", initial) or 0
    local status = C.mg_shared_incr(script, number, check_key(key), #key, value, begins, first, check_ttl(ttl))
    if status == OK then return value.number end
    return nil, errors[status]
end

--- True when the key was there.
function dict.delete(d, key)
    return C.mg_shared_delete(script, number_of(d), check_key(key), #key) == OK
end

--- Seconds left; math.huge for ever; nil when the key is not there.
function dict.ttl(d, key)
    if C.mg_shared_ttl(script, number_of(d), check_key(key), #key, value) ~= OK then return nil end
    if value.number == 0 then return math.huge end
    return value.number
end

--- Bytes for all items. Each takes 38 bytes more than its key and value, rounded up to 64.
function dict.capacity(d)
    C.mg_shared_usage(script, number_of(d), usage)
    return usage.capacity
end

--- Bytes that are used, and the number of items.
function dict.usage(d)
    C.mg_shared_usage(script, number_of(d), usage)
    return usage.used, usage.items
end

local class = {
    __metatable = "shared",
    __index = dict,
    __newindex = function() where.fail "a dictionary has no fields: write shared:set(key, value)" end,
    __tostring = function() return "shared" end,
}

M.methods = dict

--- The dictionary of that name.
-- @param size number|string  bytes, or "64k", "1m", for all that it needs
function M.shared(name, size)
    expect_loading "mg.shared"
    local good, wrong = read_name(name)
    if not good then where.fail("mg.shared: a name " .. wrong) end
    local bytes
    bytes, wrong = read_size(size)
    if not bytes then where.fail(("mg.shared '%s': its size %s"):format(name, wrong)) end
    local number = C.mg_shared_open(script, name, bytes)
    if number < 0 then where.fail(("mg.shared '%s': %s"):format(name, abi.text(C.mg_wrong(script)))) end
    local d = setmetatable({}, class)
    numbers[d] = number
    return d
end

return M
