--- big_value: store values that are larger than the servers take, in parts.
--
--     mg.big_value { pages }
--     mg.big_value { pages, threshold = 256 * 1024 }
--
-- A value of more than `threshold` bytes is stored in parts of that size. An index is stored after them, under the
-- value's own key. The keys of the parts contain a hash of the whole value, so that two stores at once cannot mix; when
-- a part is lost, the value is a miss. For set, add, replace, cas, get, gets, gat, gats, mg (with v), touch, delete.
-- Limits: 1,024 parts; keys of 228 bytes; append and prepend to such a value, also those of ms, are errors; no other
-- ms is split; delete leaves the parts to their exptime. The cas of the value is that of the index, and so are the
-- marks of mg (W, X, Z).
local abi = require "moongate.abi"
local async = require "moongate.async"
local built = require "moongate.built"
local fill = require "moongate.fill"
local kept = require "moongate.kept"
local policy = require "moongate.policy"
local reply = require "moongate.reply"
local response = require "moongate.response"

local C, script = abi.C, abi.script
local call, call_each, request = async.call, async.call_each, built.make
local bor, band = bit.bor, bit.band

local MARK = 0x8000             -- in the flags of an index (source: mcrouter)
local INDEX = "moongate big value 1: %d bytes, %d parts of %d, flags %s, hash %s"
local PATTERN = "^moongate big value 1: (%d+) bytes, (%d+) parts of (%d+), flags (%d+), hash (%x+)$"
local MARKS = { "Z", "X", "W" } -- in memcached's order
local EXTENDS = { A = true, a = true, P = true, p = true } -- modes of ms that add to a value
local INDEX_MOST, PARTS_MOST = 160, 1024
local KEY_MOST = 250 - 22       -- ":", 16 digits, ":", 4 digits

-- For explain, which cannot know how a value was cut: an index of two parts.
local SAMPLE = { name = "a hit (an index)", value = INDEX:format(2, 2, 1, "0", ("0"):rep(16)), flags = MARK }

local known = {
    threshold = policy.count(1024, 2 ^ 27), -- bytes; default 524288
}

-- The low 32 bits of client flags.
local function low_half(flags)
    return tonumber(abi.to_number(flags) % 2ULL ^ 32)
end

local function is_marked(flags)
    return band(low_half(flags), MARK) ~= 0
end

-- The fields of an index; nil for any other response. An answer to mg without f does not show the flags.
local function read_index(res)
    local size = res:is_hit() and res.size
    if not size or size > INDEX_MOST or (res.flags ~= 0 and not is_marked(res.flags)) then return nil end
    local len, n, part, flags, hash = res.value:match(PATTERN)
    n = tonumber(n)
    if not n or n < 1 or n > PARTS_MOST or not abi.to_number(flags) then return nil end
    return { len = tonumber(len), n = n, part = tonumber(part), flags = flags, hash = hash }
end

local function part_key(key, hash, i)
    return ("%s:%s:%d"):format(key, hash, i)
end

-- A request for each part.
local function for_parts(key, index, make, exptime)
    local list = {}
    for i = 1, index.n do list[i] = make(part_key(key, index.hash, i), exptime) end
    return list
end

local function all_hit(responses)
    for i = 1, #responses do
        if not responses[i] or not responses[i]:is_hit() then return false, responses[i] end
    end
    return true
end

-- The marks of the index in an answer to mg: stale, won, or won by another client.
local function marks_of(res)
    local marks = ""
    for _, mark in ipairs(MARKS) do
        if res:has_flag(mark) then marks = marks .. mark end
    end
    return marks
end

-- The whole value, or a miss when a part is lost.
local function join(child, key, index, res, touches, exptime)
    local parts = call_each(child, for_parts(key, index, touches and request.gat or request.get, exptime))
    local len = 0
    for i = 1, index.n do
        if not parts[i] or not parts[i]:is_hit() then return reply.miss() end
        len = len + parts[i].size
    end
    if len ~= index.len then return reply.miss() end
    return reply.value_of_calls(response.inside(parts[1]).number, index.n, index.flags, res.cas, res.ttl,
        marks_of(res))
end

local function value_hash(at, serial)
    local out = abi.number()
    C.mg_value_hash(script, at, serial, -1, out)
    return (bit.tohex(tonumber(out[0] / 2ULL ^ 32)) .. bit.tohex(tonumber(out[0] % 2ULL ^ 32)))
end

-- Stores the parts. Returns nil, or the first response that is no hit.
local function store_parts(child, req, hash, threshold)
    local key, size, exptime = req.key, req.size, req.exptime
    local list = {}
    for i = 1, math.ceil(size / threshold) do
        local from = (i - 1) * threshold
        list[i] = built.store_part("set", part_key(key, hash, i), req, from, threshold, 0, exptime)
    end
    local good, bad = all_hit(call_each(child, list))
    if not good then return bad end
end

--- @param spec table  a route, and options
return function(spec)
    local children, options = policy.read("mg.big_value", spec, known, 1, 1)
    local child, threshold = children[1], options.threshold or 512 * 1024

    local store = policy.waiting("big_value", children, function(req)
        local size, n = req.size, math.ceil(req.size / threshold)
        if n > PARTS_MOST or #req.key > KEY_MOST then return reply.error "object too large for cache" end
        local hash = value_hash(kept.handle(req))
        local bad = store_parts(child, req, hash, threshold)
        if bad then return bad:is_error() and bad or reply.error "a part of the value was not stored" end
        req.value = INDEX:format(size, n, threshold, abi.digits(req.flags), hash)
        req.flags = bor(low_half(req.flags), MARK) % 2 ^ 32
        return call(child, req)
    end)

    local read = policy.waiting("big_value", children, function(req)
        local res = call(child, req)
        local index = read_index(res)
        if not index then return res end
        local touches = req.command == "gat" or req.command == "gats"
        local whole = join(child, req.key, index, res, touches, touches and req.exptime or nil)
        if reply.meaning(whole) then fill.give_back(child, req.key, res) end
        return whole
    end, SAMPLE)

    local touch = policy.waiting("big_value", children, function(req)
        local index = read_index(call(child, request.get(req.key)))
        if not index then return child end
        local touches = for_parts(req.key, index, request.touch, req.exptime)
        if all_hit(call_each(child, touches)) then return child end
        call(child, request.delete(req.key))
        return reply.miss()
    end, SAMPLE)

    local extend = policy.waiting("big_value", children, function(req)
        if not read_index(call(child, request.get(req.key))) then return child end
        return reply.error "the value is kept in parts, to which nothing can be added"
    end, SAMPLE)

    local stores = { set = true, add = true, replace = true, cas = true }
    local others = { get = read, gets = read, gat = read, gats = read }
    others.touch, others.append, others.prepend = touch, extend, extend

    return policy.chooser("big_value", children, function(req)
        local command = req.command
        if stores[command] then return req.size > threshold and store or child end
        if command == "mg" then return req:has_flag "v" and read or child end
        if command == "ms" then return EXTENDS[req:flag "M"] and extend or child end
        return others[command] or child
    end)
end
