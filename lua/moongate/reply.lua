--- reply: ready replies that a function may return instead of a route: `return mg.reply.miss()`.
local abi = require "moongate.abi"
local readonly = require "moongate.readonly"
local where = require "moongate.where"

local M = {}

local LONGEST = 1024

-- What a reply means. Scripts have the objects; only this module knows their meaning.
local texts = setmetatable({}, { __mode = "k" })
local made = setmetatable({}, { __mode = "v" })

local refuse = readonly.refuse "a reply"

-- An object that tostring shows as that text.
local function new(text)
    return setmetatable({}, {
        __metatable = "reply", __newindex = refuse, __tostring = function() return "reply: " .. text end,
    })
end

local MISS = new "miss"

--- A reply as if no server had the key: END for a get, NOT_STORED for a set, NOT_FOUND for the rest.
function M.miss()
    return MISS
end

--- `SERVER_ERROR text`. The same text gives the same object, so a constant text costs nothing per request.
-- @param text string  1 to 1024 bytes, no control bytes
function M.error(text)
    if type(text) ~= "string" then where.fail("mg.reply.error takes a string, not a " .. type(text)) end
    local reply = made[text]
    if reply then return reply end
    if #text == 0 or #text > LONGEST or text:find "%c" then
        where.fail "mg.reply.error takes 1 to 1024 bytes without control bytes"
    end
    reply = new(text)
    made[text] = reply
    texts[reply] = text
    return reply
end

-- The values of replies made by M.value.
local values = setmetatable({}, { __mode = "k" })

local function check_number(name, number)
    if not abi.to_number(number) then where.fail(("mg.reply.value: %s is a whole number from 0 on"):format(name)) end
    return number
end

--- A reply as if a server had this value: for get, gets, gat, gats and mg; for other commands a script error.
-- @param value string
-- @param flags, cas  numbers, or strings of digits; 0 unless given
function M.value(value, flags, cas)
    if type(value) ~= "string" then where.fail("mg.reply.value takes a string, not a " .. type(value)) end
    local reply = new "value"
    values[reply] = { value = value, flags = check_number("flags", flags or 0), cas = check_number("cas", cas or 0) }
    return reply
end

--- For policies: a value joined of the values of a function's calls first .. first+n-1.
-- @param marks string  those of the flags W, X and Z that the answer to mg has: "XW"
function M.value_of_calls(first, n, flags, cas, ttl, marks)
    local reply = new "value"
    values[reply] = { first = first, n = n, flags = flags, cas = cas, ttl = ttl, marks = marks }
    return reply
end

--- C's struct mg_value for such a reply; nil for other values.
function M.value_of(reply)
    local of = reply ~= nil and values[reply]
    if not of then return nil end
    return abi.value(of.value, of.first, of.n, of.flags, of.cas, of.ttl, of.marks)
end

--- What a value means as a reply: true for a miss, the text for an error, nil for other values.
function M.meaning(reply)
    if reply == MISS then return true end
    return texts[reply]
end

return M
