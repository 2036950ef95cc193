--- reply: ready answers that a route may return instead of a pool: `return mg.reply.miss()`.
local abi = require "moongate.abi"
local readonly = require "moongate.readonly"
local where = require "moongate.where"

local M = {}

local LONGEST = 1024

-- What an answer object means; scripts hold the objects, only this module and the router the meaning.
local texts = setmetatable({}, { __mode = "k" })
local made = setmetatable({}, { __mode = "v" })

local refuse = readonly.refuse "a reply"

-- An object that is told as that text.
local function new(text)
    return setmetatable({}, {
        __metatable = "reply", __newindex = refuse, __tostring = function() return "reply: " .. text end,
    })
end

local MISS = new "miss"

--- As if no server had the key: END for a get, NOT_STORED for a set, NOT_FOUND for the rest.
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

-- The values that replies answer with.
local values = setmetatable({}, { __mode = "k" })

local function check_number(name, number)
    if not abi.to_number(number) then where.fail(("mg.reply.value: %s is a whole number from 0 on"):format(name)) end
    return number
end

--- As if a server had this value: for get, gets, gat, gats and mg; other commands get a script error.
-- @param value string
-- @param flags, cas  numbers, or strings of digits; 0 where they are not given
function M.value(value, flags, cas)
    if type(value) ~= "string" then where.fail("mg.reply.value takes a string, not a " .. type(value)) end
    local reply = new "value"
    values[reply] = { value = value, flags = check_number("flags", flags or 0), cas = check_number("cas", cas or 0) }
    return reply
end

--- For policies: with the values of a function's calls first .. first+n-1, one behind the other.
-- @param marks string  of the flags W, X and Z those that the answer to mg has: "XW"
function M.value_of_calls(first, n, flags, cas, ttl, marks)
    local reply = new "value"
    values[reply] = { first = first, n = n, flags = flags, cas = cas, ttl = ttl, marks = marks }
    return reply
end

--- For the router: C's struct mg_value for such a reply; nil for others.
function M.value_of(reply)
    local of = reply ~= nil and values[reply]
    if not of then return nil end
    return abi.value(of.value, of.first, of.n, of.flags, of.cas, of.ttl, of.marks)
end

--- For the router: what to do with what a route returned. True for a miss, the text for an error, nil for neither.
function M.meaning(reply)
    if reply == MISS then return true end
    return texts[reply]
end

return M
