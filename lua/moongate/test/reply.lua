--- reply: what a test's client got for one request: the bytes, and what they mean.
local class = require "moongate.test.class"
local digits = require "moongate.test.digits"

local M = {}

-- --- where a reply ends ---------------------------------------------------------------------------

-- The place after the CRLF of the line that begins at `from`; nil when the line is not complete.
local function line_end(bytes, from)
    local _, stop = bytes:find("\r\n", from, true)
    return stop and stop + 1
end

local function one_line(bytes)
    return line_end(bytes, 1)
end

-- Reads values (or lines that begin with `word`), then another line.
local function lines_of(word, length_at)
    return function(bytes)
        local at = 1
        while true do
            local behind = line_end(bytes, at)
            if not behind then return nil end
            if bytes:sub(at, at + #word - 1) ~= word then return behind end
            local length = length_at and tonumber(bytes:sub(at, behind - 3):match(length_at))
            at = behind + (length and length + 2 or 0)
            if at > #bytes + 1 then return nil end
        end
    end
end

local values = lines_of("VALUE ", "^VALUE [^ ]+ %d+ (%d+)")
local stats = lines_of "STAT "

local function meta(bytes)
    local behind = line_end(bytes, 1)
    local length = behind and bytes:match "^VA (%d+)"
    if not length then return behind end
    behind = behind + tonumber(length) + 2
    return behind <= #bytes + 1 and behind or nil
end

-- Everything before an MN, which was requested after a quiet request.
local function until_noop(bytes)
    local at = 1
    while true do
        if bytes:sub(at, at + 3) == "MN\r\n" then return at, 4 end
        local length = meta(bytes:sub(at))
        if not length then return nil end
        at = at + length - 1
    end
end

local function nothing() return 1 end
local function never() return nil end

local ends = { get = values, gets = values, gat = values, gats = values, stats = stats, mg = meta, ms = meta, md = meta,
    ma = meta, me = meta, quit = never }

--- How to read the reply to a request: a function of the bytes that came. It returns the place after the reply, and how
-- many bytes there do not belong to a reply; nil while the reply is not complete. And what to send after the request.
function M.reader(words)
    local command = words[1]
    local is_meta = ends[command] == meta
    for i = 3, #words do
        if is_meta and words[i] == "q" then return until_noop, "mn\r\n" end
    end
    if not is_meta and words[#words] == "noreply" and #words > 1 then return nothing end
    return ends[command] or one_line
end

-- --- what it says ---------------------------------------------------------------------------------

local kinds = { STORED = "hit", DELETED = "hit", TOUCHED = "hit", OK = "hit", HD = "hit", VA = "hit", VALUE = "hit",
    MN = "hit", VERSION = "hit", STAT = "hit", END = "miss", NOT_FOUND = "miss", EN = "miss", NF = "miss",
    NOT_STORED = "refused", EXISTS = "refused", NS = "refused", EX = "refused", SERVER_ERROR = "error",
    CLIENT_ERROR = "error", ERROR = "error" }

-- A get that failed for one of its keys ends in an error behind the values.
local function last_error(text)
    local last = text:match "([^\r\n]*)\r\n$" or ""
    return last:find "^SERVER_ERROR" and last or nil
end

local function read_items(text)
    local items, at = {}, 1
    while true do
        local key, flags, length, rest = text:match("^VALUE ([^ ]+) (%d+) (%d+)([^\r]*)\r\n", at)
        if not key then return items end
        local from = line_end(text, at)
        items[#items + 1] = { key = key, flags = digits.read(flags), value = text:sub(from, from + length - 1),
            cas = tonumber(rest:match "%d+") }
        at = from + length + 2
    end
end

local function read_meta(text)
    local length = text:match "^VA (%d+)"
    if not length then return nil end
    local from = line_end(text, 1)
    local head = text:sub(1, from - 3)
    local flags = head:match " f(%d+)"
    return { value = text:sub(from, from + length - 1), flags = flags and digits.read(flags),
        cas = tonumber(head:match " c(%d+)"), ttl = tonumber(head:match " t(-?%d+)") }
end

local function first_item(self)
    if self.text:find "^VALUE " then return read_items(self.text)[1] end
    return read_meta(self.text) or {}
end

local getters = {}

--- "hit", "miss", "refused" (NOT_STORED, EXISTS), "error", "waiting" (nothing yet), "closed" or "nothing".
function getters.kind(self)
    if not self.is_whole then return self.is_closed and "closed" or "waiting" end
    if self.text == "" then return "nothing" end
    if last_error(self.text) then return "error" end
    return self.text:find "^%d+\r\n$" and "hit" or kinds[self.text:match "^[%u_]+"] or "error"
end

--- The bytes, flags and cas of the first value; nil when there is none.
function getters.value(self)
    if self.text:find "^%d+\r\n$" then return self.text:sub(1, -3) end
    return first_item(self).value
end
function getters.flags(self) return first_item(self).flags end
function getters.cas(self) return first_item(self).cas end
function getters.ttl(self) return first_item(self).ttl end

--- All values: a list of { key, value, flags, cas }.
function getters.items(self) return read_items(self.text) end

--- The values by their keys.
function getters.values(self)
    local by_key = {}
    for _, item in ipairs(read_items(self.text)) do by_key[item.key] = item.value end
    return by_key
end

--- The line of an error, else nil.
function getters.error(self)
    if getters.kind(self) ~= "error" then return nil end
    return last_error(self.text) or self.text:match "^[^\r\n]*"
end

M.getters = getters

--- Makes a reply that is still empty. Plain fields: app, line (what was asked), text (all its bytes), seconds (how long
-- it took), is_whole, is_closed.
M.new = class("a reply", {}, getters, { line = true, seconds = true, text = true })

--- True for a reply.
function M.is_reply(value)
    return type(value) == "table" and getmetatable(value) == "a reply"
end

return M
