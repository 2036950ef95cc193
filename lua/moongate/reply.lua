--- reply: ready answers that a route may return instead of a pool: `return mg.reply.miss()`.
local where = require "moongate.where"

local M = {}

local LONGEST = 1024

-- What an answer object means; scripts hold the objects, only this module and the router the meaning.
local texts = setmetatable({}, { __mode = "k" })
local made = setmetatable({}, { __mode = "v" })

local MISS = setmetatable({}, { __metatable = "reply", __tostring = function() return "reply: miss" end })

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
    reply = setmetatable({}, { __metatable = "reply", __tostring = function() return "reply: " .. text end })
    made[text] = reply
    texts[reply] = text
    return reply
end

--- For the router: what to do with what a route returned. True for a miss, the text for an error, nil for neither.
function M.meaning(reply)
    if reply == MISS then return true end
    return texts[reply]
end

return M
