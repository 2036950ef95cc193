--- bounds: how long a text that is matched with a pattern may be, in scripts without --unsafe-lua.
-- Patterns are matched in C, where nothing interrupts them. Within these bounds, one that goes through its text once
-- takes less than a second; one that goes back and forth can still take for ever, and costs its worker.
local M = {}

local abi = require "moongate.abi"
local where = require "moongate.where"

local max = math.max
local find, match, gmatch = string.find, string.match, string.gmatch

-- Bytes of a text, unless --max-value is more, and of a pattern.
local TEXT, PATTERN = 2 ^ 20, 1024

local SPECIAL = "[%^%$%*%+%?%.%(%)%[%%%-]"

-- Returns when the pattern has nothing to match but itself, or when --max-value is more.
local function refuse(text, pattern)
    if #pattern > PATTERN then
        where.fail(("a pattern has at most %d bytes, not %d"):format(PATTERN, #pattern))
    end
    if not find(pattern, SPECIAL) then return end
    local most = abi.script and max(TEXT, tonumber(abi.C.mg_max_value(abi.script))) or TEXT
    if #text <= most then return end
    where.fail(("a pattern is matched with at most %d bytes, not %d: string.find(text, what, 1, true) takes more")
        :format(most, #text))
end

local function check(text, pattern)
    if type(text) ~= "string" or type(pattern) ~= "string" then return end
    if #text > TEXT or #pattern > PATTERN then refuse(text, pattern) end
end

--- Sets the functions of a string library that take patterns.
-- @param to table      `string`
-- @param sub function  the gsub to call
function M.set(to, sub)
    function to.find(text, pattern, from, plain)
        if not plain then check(text, pattern) end
        return find(text, pattern, from, plain)
    end
    function to.match(text, pattern, from)
        check(text, pattern)
        return match(text, pattern, from)
    end
    function to.gmatch(text, pattern)
        check(text, pattern)
        return gmatch(text, pattern)
    end
    function to.gsub(text, pattern, by, most)
        check(text, pattern)
        return sub(text, pattern, by, most)
    end
end

return M
