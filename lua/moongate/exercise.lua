--- exercise: the program that asks a script on trial about requests of clients (src/worker/exercise.c).
local app = require "moongate.test.app"
local clock = require "moongate.test.clock"
local memcached = require "moongate.test.memcached"
local stage = require "moongate.stage"

-- Seconds of a clock that is moved: how long a reply is waited for. Lines of the log are rationed by the second.
local PATIENCE, LOG_SECOND = 10, 1

local ON_TRIAL = "0"

-- By the number of a script: its app, or false when it does not load; its clients, by their listeners: one each, which
-- makes way for the next identity.
local apps, clients = {}, {}

local function app_of(script)
    if apps[script] == nil then
        local loaded, wrong = app.load(script, "", {})
        if not loaded and script == ON_TRIAL then error(wrong, 0) end
        apps[script] = loaded or false
        clients[script] = {}
    end
    return apps[script]
end

-- A client that was closed, or got no reply, is of no use for the next request.
local function ask(script, listener, identity, line)
    local loaded = app_of(script)
    if not loaded then return end
    local client = clients[script][listener]
    if client and client.identity ~= identity then
        client:hang_up()
        client = nil
    end
    client = client or app.connect(loaded, listener, identity)
    local length = memcached.value_length(memcached.words(line))
    local reply = client:begin(line, length and ("x"):rep(length))
    clock.run(PATIENCE, function() return reply.is_whole or reply.is_closed end)
    if reply.is_closed or not reply.is_whole then
        client:hang_up()
        client = nil
    end
    clients[script][listener] = client
end

return function()
    app_of(ON_TRIAL)
    for asked in stage.line do
        local script, listener, length, rest = asked:match "^(%d) (%d+) (%d+) (.*)$"
        local identity = rest:sub(1, length)
        stage.advance(LOG_SECOND)
        ask(script, tonumber(listener), identity, rest:sub(#identity + 2))
    end
end
