--- expect: what a test expects of a reply or any value: `t.expect(reply):is_hit "v"`, `t.expect(app.sent):equals {}`.
-- A failure shows what was expected, what came, and which way the request took.
local class = require "moongate.test.class"
local reply = require "moongate.test.reply"
local show = require "moongate.show"
local stage = require "moongate.stage"
local where = require "moongate.where"

local M = {}

-- --- the way of a request -------------------------------------------------------------------------

local function add(lines, name, text)
    lines[#lines + 1] = ("  %-9s %s"):format(name, text)
end

local function short(text)
    return #text <= 300 and show.string(text) or show.string(text:sub(1, 300)) .. ("... (%d bytes)"):format(#text)
end

-- Adds what servers were sent for a request, and what they answered.
local function add_calls(lines, made)
    local journal = made.app.journal
    for i = made.sent_from, math.min(made.sent_to, #journal) do
        local entry = journal[i]
        local value = entry.value and " " .. short(entry.value) or ""
        local after = entry.at - made.asked_at
        local time = after >= 0.0005 and ("   (after %.3f s)"):format(after) or ""
        add(lines, "sent", ("%s <- %s%s%s"):format(entry.server, show.lines(entry.line), value, time))
        add(lines, "", ("%s -> %s"):format(entry.server, entry.answer and short(entry.answer) or "(nothing yet)"))
    end
    if made.sent_from > math.min(made.sent_to, #journal) then add(lines, "sent", "nothing, to no server") end
end

--- Lines about a reply: what was asked, what came, and the way of the request.
function M.way(made)
    local lines = {}
    add(lines, "asked", show.lines(made.line))
    add(lines, "came", made.kind == "waiting" and "nothing yet" or short(made.text))
    for text in stage.explain(made.app.number, made.line, made.asked_with or nil):gmatch "([^\n]+)" do
        local name, rest = text:match "^(%w+) +(.*)$"
        if name == "route" or name == "error" then add(lines, name, rest) end
    end
    add_calls(lines, made)
    return table.concat(lines, "\n")
end

-- --- failing --------------------------------------------------------------------------------------

local last -- the last app that was loaded

--- Sets the app whose last request is shown when an expectation about another value fails.
function M.watch(app)
    last = app
end

-- The value that the expectation is about; may be nil.
local function value_of(self)
    return rawget(self, "value")
end

local function fail(self, expected, came)
    local text = ("expected %s, not %s"):format(expected, came)
    local made = reply.is_reply(value_of(self)) and value_of(self) or last and last.last
    if made then text = text .. "\n" .. M.way(made) end
    where.fail(text)
end

local function replied(self, what)
    if not reply.is_reply(value_of(self)) then
        where.fail(("%s is for replies, not for %s"):format(what, show.value(value_of(self))))
    end
    return value_of(self)
end

-- "a hit (...)", "an error (SERVER_ERROR timeout)"
local function describe(made)
    local articles = { error = "an error", waiting = "nothing yet", nothing = "no bytes",
        closed = "a closed connection", refused = "a refusal" }
    local text = articles[made.kind] or "a " .. made.kind
    if made.text == "" then return text end
    return ("%s (%s)"):format(text, short(made.text:match "^[^\r\n]*"))
end

-- --- of replies -----------------------------------------------------------------------------------

local methods = {}

local function expect_kind(self, what, kind, text)
    local made = replied(self, what)
    if made.kind ~= kind then fail(self, text, describe(made)) end
    return made
end

--- Found, stored, done; with that value, if given.
function methods.is_hit(self, value)
    local made = expect_kind(self, "is_hit", "hit", "a hit")
    if value ~= nil and made.value ~= value then
        fail(self, "the value " .. show.value(value), show.value(made.value))
    end
end

--- Not found.
function methods.is_miss(self) expect_kind(self, "is_miss", "miss", "a miss") end

--- Refused: NOT_STORED, EXISTS.
function methods.is_refused(self) expect_kind(self, "is_refused", "refused", "a refusal") end

--- SERVER_ERROR, CLIENT_ERROR or ERROR; with that text in it, if given.
function methods.is_error(self, text)
    local made = expect_kind(self, "is_error", "error", "an error")
    if text and not made.error:find(text, 1, true) then
        fail(self, ("an error with %s in it"):format(show.string(text)), show.string(made.error))
    end
end

--- Nothing has come yet.
function methods.is_waiting(self) expect_kind(self, "is_waiting", "waiting", "nothing yet") end

--- Exactly these bytes.
function methods.is(self, bytes)
    local made = replied(self, "is")
    if made.text ~= bytes then fail(self, show.string(bytes), show.string(made.text)) end
end

--- It took so many seconds, to within a millisecond (or `within`).
function methods.took(self, seconds, within)
    local made = replied(self, "took")
    if math.abs(made.seconds - seconds) > (within or 0.001) then
        fail(self, ("a reply after %g s"):format(seconds), ("after %.4g s"):format(made.seconds))
    end
end

-- --- of any value ---------------------------------------------------------------------------------

local function same(a, b)
    if type(a) ~= "table" or type(b) ~= "table" or getmetatable(a) or getmetatable(b) then return a == b end
    for key, value in pairs(a) do
        if not same(value, b[key]) then return false end
    end
    for key in pairs(b) do
        if a[key] == nil then return false end
    end
    return true
end

--- The same value; tables: the same items, at any depth.
function methods.equals(self, value)
    if not same(value_of(self), value) then fail(self, show.value(value), show.value(value_of(self))) end
end

--- Another value.
function methods.differs(self, value)
    if same(value_of(self), value) then fail(self, "something else", show.value(value_of(self))) end
end

local function has(whole, part)
    if type(whole) == "string" then return whole:find(part, 1, true) ~= nil end
    for _, item in pairs(whole) do
        if same(item, part) then return true end
    end
    return false
end

--- A string with that text in it; a table with that item.
function methods.contains(self, part)
    if type(value_of(self)) ~= "string" and type(value_of(self)) ~= "table" then
        where.fail("contains is for strings and tables, not for " .. show.value(value_of(self)))
    end
    if not has(value_of(self), part) then
        fail(self, ("something with %s in it"):format(show.value(part)), show.value(value_of(self)))
    end
end

--- A function that raises an error; with that text in it, if given.
function methods.raises(self, text)
    if type(value_of(self)) ~= "function" then
        where.fail("raises is for functions, not for " .. show.value(value_of(self)))
    end
    local good, wrong = pcall(value_of(self))
    if good then fail(self, "an error", "none") end
    if text and not tostring(wrong):find(text, 1, true) then
        fail(self, ("an error with %s in it"):format(show.string(text)), show.string(tostring(wrong)))
    end
end

local new = class("an expectation", methods)

--- Begins an expectation about a value.
function M.expect(value)
    return new { value = value }
end

M.methods = methods

return M
