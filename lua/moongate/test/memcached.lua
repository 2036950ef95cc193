--- memcached: a small memcached in memory, for tests: the text protocol and the usual flags of meta commands.
-- It keeps items with flags, expiry and cas, and evicts nothing.
local clock = require "moongate.test.clock"
local digits = require "moongate.test.digits"

local M = {}

local MONTH = 60 * 60 * 24 * 30 -- a larger exptime is a date

-- When an item with that exptime ends, in seconds since 1970; nil: never.
local function ends_at(exptime)
    exptime = tonumber(exptime) or 0
    if exptime == 0 then return nil end
    if exptime > MONTH then return exptime end
    return exptime < 0 and -1 or clock.now() + exptime
end

--- An empty one: { items, cas }.
function M.new()
    return { items = {}, cas = 0 }
end

--- The item of a key: { value, flags, cas, ends }; nil when there is none, or it has expired.
function M.item(store, key)
    local item = store.items[key]
    if item and item.ends and item.ends <= clock.now() then
        store.items[key] = nil
        return nil
    end
    return item
end

--- Stores an item.
function M.put(store, key, value, flags, exptime)
    store.cas = store.cas + 1
    store.items[key] = { value = value, flags = digits.read(flags), cas = store.cas, ends = ends_at(exptime) }
    return store.items[key]
end

local function change(store, item, value)
    store.cas = store.cas + 1
    item.value, item.cas = value, store.cas
end

-- Stores as that command does: "STORED", "NOT_STORED", "EXISTS" or "NOT_FOUND". cas: only over an item with it.
local function store_as(store, mode, key, value, flags, exptime, cas)
    local item = M.item(store, key)
    if cas then
        if not item then return "NOT_FOUND" end
        if tonumber(cas) ~= item.cas then return "EXISTS" end
    end
    if mode == "add" and item then return "NOT_STORED" end
    if (mode == "replace" or mode == "append" or mode == "prepend") and not item then return "NOT_STORED" end
    if mode == "append" then
        change(store, item, item.value .. value)
    elseif mode == "prepend" then
        change(store, item, value .. item.value)
    else
        M.put(store, key, value, flags, exptime)
    end
    return "STORED"
end

-- The new number, or nil and why not.
local function count(store, item, delta, down)
    local number = tonumber(item.value)
    if not number or not item.value:find "^%d+$" then
        return nil, "CLIENT_ERROR cannot increment or decrement non-numeric value"
    end
    number = down and math.max(0, number - delta) or number + delta
    change(store, item, ("%.0f"):format(number))
    return item.value
end

-- --- text -----------------------------------------------------------------------------------------

local commands = {}

local function retrieve(store, words, first, exptime)
    local out = {}
    for i = first, #words do
        local item = M.item(store, words[i])
        if item and exptime then item.ends = ends_at(exptime) end
        if item then
            local cas = words[1]:sub(-1) == "s" and " " .. item.cas or ""
            local flags = digits.write(item.flags)
            out[#out + 1] = ("VALUE %s %s %d%s\r\n%s\r\n"):format(words[i], flags, #item.value, cas, item.value)
        end
    end
    return table.concat(out) .. "END"
end

function commands.get(store, words) return retrieve(store, words, 2) end
commands.gets = commands.get
function commands.gat(store, words) return retrieve(store, words, 3, words[2]) end
commands.gats = commands.gat

for _, mode in ipairs { "set", "add", "replace", "append", "prepend" } do
    commands[mode] = function(store, words, value)
        return store_as(store, mode, words[2], value, words[3], words[4])
    end
end

function commands.cas(store, words, value)
    return store_as(store, "set", words[2], value, words[3], words[4], words[6])
end

function commands.delete(store, words)
    if not M.item(store, words[2]) then return "NOT_FOUND" end
    store.items[words[2]] = nil
    return "DELETED"
end

for _, command in ipairs { "incr", "decr" } do
    commands[command] = function(store, words)
        local item = M.item(store, words[2])
        if not item then return "NOT_FOUND" end
        local number, wrong = count(store, item, tonumber(words[3]), command == "decr")
        return number or wrong
    end
end

function commands.touch(store, words)
    local item = M.item(store, words[2])
    if not item then return "NOT_FOUND" end
    item.ends = ends_at(words[3])
    return "TOUCHED"
end

function commands.flush_all(store)
    store.items = {}
    return "OK"
end

function commands.stats() return "END" end
function commands.version() return "VERSION 1.6.18" end
function commands.mn() return "MN" end

-- --- meta -----------------------------------------------------------------------------------------

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function decode(text)
    local bits, n, out = 0, 0, {}
    for letter in text:gmatch "[%w+/]" do
        bits, n = bits * 64 + ALPHABET:find(letter, 1, true) - 1, n + 6
        if n >= 8 then
            n = n - 8
            out[#out + 1] = string.char(math.floor(bits / 2 ^ n))
            bits = bits % 2 ^ n
        end
    end
    return table.concat(out)
end

-- The flags from word `first` on, by letter; and the letters in order.
local function read_flags(words, first)
    local flags, order = {}, {}
    for i = first, #words do
        local letter = words[i]:sub(1, 1)
        flags[letter] = words[i]:sub(2)
        order[#order + 1] = letter
    end
    return flags, order
end

local function ttl(item)
    return item.ends and ("%.0f"):format(math.ceil(item.ends - clock.now())) or "-1"
end

-- What each flag shows of an item (nil: a miss, which has key and opaque only).
local shown = {
    O = function(_, flags) return "O" .. flags.O end,
    k = function(_, _, words) return "k" .. words[2] end,
    b = function() return "b" end,
    c = function(item) return item and "c" .. item.cas end,
    f = function(item) return item and "f" .. digits.write(item.flags) end,
    s = function(item) return item and "s" .. #item.value end,
    t = function(item) return item and "t" .. ttl(item) end,
    h = function(item) return item and "h0" end,
    l = function(item) return item and "l0" end,
}

local function answer(head, words, item, flags, order)
    local out = { head }
    for _, letter in ipairs(order) do
        out[#out + 1] = shown[letter] and shown[letter](item, flags, words) or nil
    end
    return table.concat(out, " ")
end

local function answer_item(words, item, flags, order)
    if not flags.v then return answer("HD", words, item, flags, order) end
    return answer("VA " .. #item.value, words, item, flags, order) .. "\r\n" .. item.value
end

local function key_of(words, flags)
    return flags.b and decode(words[2]) or words[2]
end

function commands.mg(store, words)
    local flags, order = read_flags(words, 3)
    local item = M.item(store, key_of(words, flags))
    if not item and flags.N then item = M.put(store, key_of(words, flags), "", 0, flags.N) end
    if not item then return answer("EN", words, nil, flags, {}) end
    if flags.T then item.ends = ends_at(flags.T) end
    return answer_item(words, item, flags, order)
end

local store_modes = { A = "append", E = "add", P = "prepend", R = "replace", S = "set" }
local stored_as = { STORED = "HD", NOT_STORED = "NS", EXISTS = "EX", NOT_FOUND = "NF" }

function commands.ms(store, words, value)
    local flags, order = read_flags(words, 4)
    local mode = store_modes[(flags.M or "S"):upper()] or "set"
    local key = key_of(words, flags)
    local done = store_as(store, mode, key, value, flags.F, flags.T, flags.C)
    return answer(stored_as[done], words, M.item(store, key), flags, order)
end

function commands.md(store, words)
    local flags, order = read_flags(words, 3)
    local key = key_of(words, flags)
    local item = M.item(store, key)
    if not item then return answer("NF", words, nil, flags, order) end
    if flags.C and tonumber(flags.C) ~= item.cas then return answer("EX", words, nil, flags, order) end
    if not flags.I then store.items[key] = nil end
    return answer("HD", words, nil, flags, order)
end

function commands.ma(store, words)
    local flags, order = read_flags(words, 3)
    local key = key_of(words, flags)
    local item = M.item(store, key)
    if not item and not flags.N then return answer("NF", words, nil, flags, order) end
    if not item then
        item = M.put(store, key, flags.J or "0", 0, flags.N)
    else
        local number, wrong = count(store, item, tonumber(flags.D) or 1, (flags.M or "I"):find "^[Dd-]" ~= nil)
        if not number then return wrong end
    end
    if flags.T then item.ends = ends_at(flags.T) end
    return answer_item(words, item, flags, order)
end

-- --------------------------------------------------------------------------------------------------

--- The words of a request's line.
function M.words(line)
    local words = {}
    for word in line:gmatch "[^ ]+" do words[#words + 1] = word end
    return words
end

local carries_value = { set = 5, add = 5, replace = 5, append = 5, prepend = 5, cas = 5, ms = 3 }

--- The length of the value that follows a request's line; nil when none does.
function M.value_length(words)
    local at = carries_value[words[1]]
    return at and tonumber(words[at])
end

--- Answers a request; without the last CRLF.
function M.answer(store, words, value)
    local command = commands[words[1]]
    return command and command(store, words, value) or "ERROR"
end

--- The answer to a request as if the key was found (`value`: what a get returns); M.miss: as if it was not.
function M.hit(words, value)
    local store = M.new()
    local flags = read_flags(words, words[1] == "ms" and 4 or 3)
    local keys = { unpack(words, words[1]:find "^gat" and 3 or 2) }
    if not words[1]:find "^get" and not words[1]:find "^gat" then keys = { key_of(words, flags) } end
    for _, key in ipairs(keys) do M.put(store, key, value or "", 0, 0) end
    if words[1] == "add" then store.items = {} end
    if words[1] == "cas" then words[6] = tostring(store.cas) end
    if words[1] == "incr" or words[1] == "decr" or words[1] == "ma" then
        store.items[keys[1]].value = value and tostring(value) or "0"
    end
    return M.answer(store, words, value or "")
end

function M.miss(words, value)
    if words[1] == "set" then return "NOT_STORED" end
    if words[1] == "add" then return "NOT_STORED" end
    if words[1] == "ms" then return M.answer({ items = {}, cas = 0 }, { "ms", words[2], words[3], "MR" }, value) end
    return M.answer(M.new(), words, value)
end

return M
