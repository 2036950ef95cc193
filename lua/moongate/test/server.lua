--- server: a fake server of a test: a small memcached. A test can make it fail, be slow, or give other answers.
local class = require "moongate.test.class"
local clock = require "moongate.test.clock"
local memcached = require "moongate.test.memcached"
local stage = require "moongate.stage"
local where = require "moongate.where"

local M = {}

local NEVER = math.huge

-- --- its connections ------------------------------------------------------------------------------

-- Sends answers in their order: one that is late holds up those after it.
local function flush(connection)
    local queue = connection.queue
    while queue[1] and queue[1].at <= clock.elapsed() do
        local answer = table.remove(queue, 1)
        stage.write(connection.number, connection.wire, answer.bytes)
        if answer.entry then answer.entry.answer = answer.bytes end
    end
end

local function say(connection, bytes, delay, entry)
    connection.queue[#connection.queue + 1] = { at = clock.elapsed() + delay, bytes = bytes .. "\r\n", entry = entry }
    flush(connection)
end

-- What it does with a request, by its mode.
local modes = {
    up = function(self, words, value) return memcached.answer(self.store, words, value) end,
    silent = function() return "", NEVER end,
    slow = function(self, words, value, seconds) return memcached.answer(self.store, words, value), seconds end,
    answers = function(_, _, _, text) return text end,
    hits = function(_, words, _, value) return memcached.hit(words, value) end,
    misses = function(_, words, value) return memcached.miss(words, value) end,
}

-- The mode for the next request.
local function next_mode(self)
    local mode = self.mode
    if mode.left then
        mode.left = mode.left - 1
        if mode.left == 0 then self.mode = mode.before end
    end
    return mode
end

-- Carries out a request. A silent server does so when it is up again.
local function serve(self, connection, words, line, value)
    if words[1] == "version" or words[1] == "mn" then -- moongate's own questions
        say(connection, memcached.answer(self.store, words), self.mode.kind == "silent" and NEVER or 0)
        return
    end
    local mode = next_mode(self)
    local entry = { server = self.name, line = line, value = value, at = clock.elapsed() }
    self.note(entry)
    local bytes, delay = modes[mode.kind](self, words, value, mode.argument)
    say(connection, bytes, delay or 0, entry)
    if delay == NEVER then
        connection.queue[#connection.queue].held = function() return memcached.answer(self.store, words, value) end
    end
end

-- Takes the first request from the bytes that came; false when it is not complete.
local function take_request(self, connection)
    local line, rest = connection.bytes:match "^(.-)\r\n()"
    if not line then return false end
    local words, value = memcached.words(line), nil
    local len = memcached.value_length(words)
    if len then
        if #connection.bytes < rest + len + 1 then return false end
        value = connection.bytes:sub(rest, rest + len - 1)
        rest = rest + len + 2
    end
    connection.bytes = connection.bytes:sub(rest)
    serve(self, connection, words, line, value)
    return true
end

-- The connection of a wire, and its place; makes one when there is none.
local function find(self, wire)
    for i, connection in ipairs(self.connections) do
        if connection.wire == wire then return connection, i end
    end
    local new = { number = self.number, wire = wire, bytes = "", queue = {} }
    table.insert(self.connections, new)
    return new, #self.connections
end

--- Takes bytes that came on one of its connections, or the end of that connection.
function M.take(self, wire, bytes, is_end)
    local connection, at = find(self, wire)
    if is_end then table.remove(self.connections, at) end
    connection.bytes = connection.bytes .. bytes
    while take_request(self, connection) do end
end

--- Sends what is due.
function M.flush(self)
    for _, connection in ipairs(self.connections) do flush(connection) end
end

--- When its next answer is due, or nil.
function M.due(self)
    local due
    for _, connection in ipairs(self.connections) do
        local first = connection.queue[1]
        if first and first.at < NEVER and (not due or first.at < due) then due = first.at end
    end
    return due
end

-- --- methods for tests --------------------------------------------------------------------------

local methods = {}

local function set_mode(self, kind, argument, times)
    if times and (type(times) ~= "number" or times < 1 or times % 1 ~= 0) then
        where.fail("how many times is a whole number from 1, not " .. tostring(times))
    end
    self.mode = { kind = kind, argument = argument, left = times, before = times and self.mode }
    return self
end

local function expect_string(what, value)
    if type(value) ~= "string" then where.fail(("%s takes a string, not a %s"):format(what, type(value))) end
end

--- Takes connections again and answers at once, also what it owes from when it was silent. It still has its items.
function methods.is_up(self)
    stage.refuse(self.number, self.name, false)
    set_mode(self, "up")
    for _, connection in ipairs(self.connections) do
        for _, answer in ipairs(connection.queue) do
            if answer.held then
                answer.at = clock.elapsed()
                answer.bytes = answer.held() .. "\r\n"
            elseif answer.at == NEVER then
                answer.at = clock.elapsed()
            end
        end
        flush(connection)
    end
    clock.settle()
    return self
end

--- Closes its connections and refuses others.
function methods.is_down(self)
    stage.refuse(self.number, self.name, true)
    for _, connection in ipairs(self.connections) do stage.hang_up(self.number, connection.wire) end
    self.connections = {}
    clock.settle()
    return self
end

--- Takes requests and does not answer.
function methods.is_silent(self)
    return set_mode(self, "silent")
end

--- Answers so many seconds late.
function methods.is_slow(self, seconds, times)
    if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= 1e8) then where.fail "is_slow takes seconds" end
    return set_mode(self, "slow", seconds, times)
end

--- Answers this text, given without the last CRLF, whatever is asked. times: for so many requests, then as before.
function methods.answers(self, text, times)
    expect_string("answers", text)
    return set_mode(self, "answers", text, times)
end

--- Answers `SERVER_ERROR text`.
function methods.errs(self, text, times)
    return methods.answers(self, "SERVER_ERROR " .. (text or "out of memory"), times)
end

--- Finds every key, with that value (an empty one unless given); stores and deletes everything.
function methods.hits(self, value, times)
    if value ~= nil then expect_string("hits", value) end
    return set_mode(self, "hits", value, times)
end

--- Finds no key, and stores none.
function methods.misses(self, times)
    return set_mode(self, "misses", nil, times)
end

--- Puts an item there.
function methods.put(self, key, value, flags, exptime)
    expect_string("put: a key", key)
    expect_string("put: a value", value)
    memcached.put(self.store, key, value, flags, exptime)
    return self
end

--- The value of a key, or nil.
function methods.value(self, key)
    local item = memcached.item(self.store, key)
    return item and item.value
end

--- The item of a key: { value, flags, cas, ttl }, or nil. ttl: seconds, or nil.
function methods.item(self, key)
    local item = memcached.item(self.store, key)
    if not item then return nil end
    return { value = item.value, flags = item.flags, cas = item.cas, ttl = item.ends and item.ends - clock.now() }
end

--- Loses all items.
function methods.forgets(self)
    self.store = memcached.new()
    return self
end

M.methods = methods

local new = class("a server", methods, nil, { name = true })

--- Makes a server of that name for the worker `number`; note(entry) is called for each request.
function M.new(number, name, note)
    return new { number = number, name = name, note = note, store = memcached.new(), mode = { kind = "up" },
        connections = {} }
end

return M
