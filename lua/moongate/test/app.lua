--- app: a script that a test has loaded: its clients, its fake servers, and what it has sent to them.
local class = require "moongate.test.class"
local clock = require "moongate.test.clock"
local digits = require "moongate.test.digits"
local memcached = require "moongate.test.memcached"
local reply = require "moongate.test.reply"
local server = require "moongate.test.server"
local stage = require "moongate.stage"
local where = require "moongate.where"

local M = {}

local PATIENCE = 600 -- seconds to wait for a reply

-- --- clients --------------------------------------------------------------------------------------

-- Fills replies in their order from the bytes that came.
local function read_replies(client)
    local waiting = client.waiting
    while waiting[1] do
        local first = waiting[1]
        local behind, less = first.read(client.bytes)
        if not behind then return end
        first.reply.text = client.bytes:sub(1, behind - 1)
        first.reply.is_whole = true
        first.reply.seconds = clock.elapsed() - first.began
        first.reply.sent_to = #client.app.journal
        client.bytes = client.bytes:sub(behind + (less or 0))
        table.remove(waiting, 1)
    end
end

local function take(client, bytes, is_end)
    client.bytes = client.bytes .. bytes
    read_replies(client)
    if not is_end then return end
    client.is_closed = true
    for _, waiting in ipairs(client.waiting) do
        waiting.reply.text = waiting.reply.text .. client.bytes
        waiting.reply.is_closed = true
        client.bytes = ""
    end
end

local function check_line(line)
    if type(line) ~= "string" or line == "" or line:find "[\r\n]" then
        where.fail "a request is one line without its end; its value is the next argument"
    end
end

-- Sends a request. Returns its reply, which is still to come.
local function send(client, line, value)
    check_line(line)
    local words = memcached.words(line)
    local read, behind = reply.reader(words)
    local made = reply.new { app = client.app, line = line, text = "", seconds = 0, is_whole = false, is_closed = false,
        asked_at = clock.elapsed(), asked_with = value or false, sent_from = #client.app.journal + 1,
        sent_to = math.huge }
    client.app.last = made
    if client.is_closed then
        made.is_closed = true
        return made
    end
    client.waiting[#client.waiting + 1] = { reply = made, read = read, began = made.asked_at }
    stage.write(client.app.number, client.wire, line .. "\r\n" .. (value and value .. "\r\n" or "") .. (behind or ""))
    read_replies(client)
    clock.settle()
    return made
end

local methods = {}

--- Sends a request (one line, without its end, and a value where the command takes one) and waits for its reply;
-- meanwhile the clock goes on.
function methods.ask(self, line, value)
    local made = send(self, line, value)
    if not made.is_whole then
        clock.run(PATIENCE, function() return made.is_whole or made.is_closed end)
    end
    if not made.is_whole and not made.is_closed then
        where.fail(("no reply to '%s' within %d s"):format(line, PATIENCE))
    end
    return made
end

--- The same, but does not wait: the reply is there once the clock has moved far enough.
function methods.begin(self, line, value)
    return send(self, line, value)
end

--- Sends bytes as they are; reads nothing.
function methods.write(self, bytes)
    stage.write(self.app.number, self.wire, bytes)
    clock.settle()
end

--- Closes the client's connection, whatever it waits for.
function methods.hang_up(self)
    stage.hang_up(self.app.number, self.wire)
    self.is_closed = true
    clock.settle()
end

-- --- get, set ...: they make the line of their arguments -------------------------------------------------

local function check_key(key)
    if type(key) ~= "string" or key == "" or key:find "[%z\r\n ]" then
        where.fail(("a key is a string without spaces, not %s; use ask to send anything else"):format(tostring(key)))
    end
end

local function ask_for_keys(self, head, ...)
    local keys = { ... }
    check_key(keys[1])
    for _, key in ipairs(keys) do check_key(key) end
    return self:ask(head .. " " .. table.concat(keys, " "))
end

local function ask_for_key(self, format, key, ...)
    check_key(key)
    return self:ask(format:format(key, ...))
end

local function store(self, command, key, value, flags, exptime, cas)
    check_key(key)
    if type(value) ~= "string" then where.fail("a value is a string, not a " .. type(value)) end
    local line = ("%s %s %s %.0f %d"):format(command, key, digits.write(flags or 0), exptime or 0, #value)
    return self:ask(cas and ("%s %.0f"):format(line, cas) or line, value)
end

for _, command in ipairs { "get", "gets" } do
    methods[command] = function(self, ...) return ask_for_keys(self, command, ...) end
end
for _, command in ipairs { "gat", "gats" } do
    methods[command] = function(self, exptime, ...)
        return ask_for_keys(self, ("%s %.0f"):format(command, exptime), ...)
    end
end
for _, command in ipairs { "set", "add", "replace", "append", "prepend" } do
    methods[command] = function(self, key, value, flags, exptime)
        return store(self, command, key, value, flags, exptime)
    end
end
function methods.cas(self, key, value, cas, flags, exptime)
    return store(self, "cas", key, value, flags, exptime, cas)
end
function methods.delete(self, key) return ask_for_key(self, "delete %s", key) end
function methods.touch(self, key, exptime) return ask_for_key(self, "touch %s %.0f", key, exptime or 0) end
for _, command in ipairs { "incr", "decr" } do
    methods[command] = function(self, key, delta)
        return ask_for_key(self, command .. " %s %.0f", key, delta or 1)
    end
end

-- A request that just goes to one server has no fields of places.
local function places_of(fields)
    if not fields.server then return {} end
    return { { pool = fields.pool, server = fields.server, role = "main", when = "always", share = 1,
        request = fields.request } }
end

--- Where a request would go, and why, without sending it: { route, pool, server, request ... places } as `moongate
-- explain` shows it.
function methods.explain(self, line, value)
    check_line(line)
    local fields, places = {}, {}
    for name, text in stage.explain(self.app.number, line, value, self.wire):gmatch "([%w:]+) +([^\n]*)\n" do
        local at, what = name:match "^place:(%d+):(%w+)$"
        if at then
            at = tonumber(at)
            places[at] = places[at] or { share = 1 }
            places[at][what] = what == "share" and tonumber(text) or text
        elseif name ~= "place" then
            fields[name] = fields[name] or text
        end
    end
    fields.places = places[1] and places or places_of(fields)
    return fields
end

local new_client = class("a client", methods, nil, { is_closed = true })

local known = { address = true, identity = true, listener = true }

-- The text of an option of a client, or nil.
local function read_option(options, name, most)
    local value = options[name]
    if value == nil then return nil end
    if type(value) ~= "string" or value == "" or #value > most or value:find "[%c ]" then
        where.fail(("client: option '%s' takes a string of 1 to %d characters, not %s"):format(name, most,
            tostring(value)))
    end
    return value
end

-- @param as  the number of a listener; or { address =, identity =, listener = }: what req.client, req.identity and
-- req.listener are; or nil
-- @param who  an identity that is not in `as`, "" for nobody in particular; or nil
local function make_client(app, as, who)
    local options, listener = type(as) == "table" and as or {}, type(as) == "number" and as or nil
    for name in pairs(options) do
        if not known[name] then
            where.fail(("client has no option '%s'; it has: address, identity, listener"):format(tostring(name)))
        end
    end
    local address, name = read_option(options, "address", 100), read_option(options, "listener", 200)
    local identity = read_option(options, "identity", 255)
    if identity and not (identity:find "^user:." or identity:find "^cert:.") then
        where.fail(("client: option 'identity' takes user:NAME or cert:NAME, not %s"):format(identity))
    end
    if name then
        listener = stage.listener(app.number, name)
        if not listener then where.fail "a test has 128 listeners at most" end
    end
    local wire = stage.connect(app.number, listener, address, who or identity)
    local client = new_client { app = app, wire = wire, bytes = "", waiting = {}, is_closed = false, as = as or false,
        identity = who or false }
    app.clients[client.wire] = client
    return client
end

--- Another client of an app, as if it had come by the listener with that number.
M.connect = make_client

-- --- the whole ------------------------------------------------------------------------------------

local app_methods, getters = {}, {}

-- An app is also its first client.
for name, method in pairs(methods) do
    app_methods[name] = function(self, ...) return method(self.first, ...) end
end

--- Another client.
-- @param options table  address: what req.client is, "10.0.0.1:4711"; identity: what req.identity is, "user:app";
-- listener: what req.listener is; or nil
function app_methods.client(self, options)
    if options ~= nil and type(options) ~= "table" then
        where.fail "client takes a table of address, identity and listener"
    end
    return make_client(self, options)
end

local function names(servers)
    local list = {}
    for i, one in ipairs(servers) do list[i] = one.name end
    return table.concat(list, ", ")
end

--- The fake server of that name, as in the script's pools: "10.0.0.1:11211".
function app_methods.server(self, name)
    local found = self.by_name[name]
    if not found then
        where.fail(("the script has no server '%s'; it has: %s"):format(tostring(name), names(self.servers)))
    end
    return found
end

--- The requests that servers were sent, in order: { server, line, value } each.
function getters.sent(self)
    local list = {}
    for i = self.forgotten + 1, #self.journal do
        local entry = self.journal[i]
        list[#list + 1] = { server = entry.server, line = entry.line, value = entry.value }
    end
    return list
end

--- True when its first client's connection has ended.
function getters.is_closed(self) return self.first.is_closed end

--- From now on req:heat() of a key is this share: 0 to 1.
function app_methods.heat(self, key, share)
    if type(key) ~= "string" or key == "" or #key > 250 then
        where.fail(("app:heat takes a key of 1 to 250 bytes, not %s"):format(tostring(key)))
    end
    if type(share) ~= "number" or not (share >= 0 and share <= 1) then
        where.fail(("app:heat takes a share, 0 to 1, not %s"):format(tostring(share)))
    end
    if not stage.heat(self.number, key, share) then where.fail "app:heat: too many keys are hot" end
end

--- Empties `sent`.
function app_methods.forget(self)
    self.forgotten = #self.journal
end

-- --- its time -------------------------------------------------------------------------------------

local function add_servers(app)
    for _, name in ipairs(stage.servers(app.number)) do
        if not app.by_name[name] then
            local new = server.new(app.number, name, function(entry) app.journal[#app.journal + 1] = entry end)
            app.by_name[name] = new
            table.insert(app.servers, new)
        end
    end
end

local function settle(app, is_waiting)
    for _, one in ipairs(app.servers) do server.flush(one) end
    while true do
        local wire, name, bytes, is_end = stage.turn(app.number, is_waiting)
        is_waiting = false
        if not wire then return end
        if name then
            server.take(app.by_name[name], wire, bytes, is_end)
        elseif app.clients[wire] then
            take(app.clients[wire], bytes, is_end)
        end
    end
end

-- When something is due next, in seconds since the test began; or nil.
local function due(app)
    local alarm = stage.next_alarm(app.number)
    local at = alarm and clock.elapsed() + math.max(alarm, 0)
    for _, one in ipairs(app.servers) do
        local answer = server.due(one)
        if answer and (not at or answer < at) then at = answer end
    end
    return at
end

--- Another script, or a new version of the same one, takes over as on a reload. Raises an error when it does not load;
-- then the old one goes on.
function app_methods.reload(self, path, text)
    local good, wrong = stage.reload(self.number, path, text)
    if not good then where.fail(wrong) end
    add_servers(self)
    clock.settle()
end

local new_app = class("an app", app_methods, getters)

M.methods, M.client_methods, M.getters = app_methods, methods, getters

--- Loads a script. Returns the app, or nil and why it does not load.
-- @param path string     as messages name it
-- @param text string     the text of the file
-- @param options table   servers: the value of mg.servers; client: the options of its first client, or nil
function M.load(path, text, options)
    local number, wrong = stage.open(path, text, options.servers)
    if not number then return nil, wrong end
    local app = new_app { name = path, number = number, clients = {}, servers = {}, by_name = {}, journal = {},
        forgotten = 0, first = false, last = false }
    add_servers(app)
    clock.add { settle = function(_, is_waiting) settle(app, is_waiting) end, due = function() return due(app) end,
        close = function() stage.close(number) end }
    app.first = make_client(app, options.client)
    clock.settle()
    return app
end

return M
