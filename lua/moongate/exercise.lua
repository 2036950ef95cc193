--- exercise: the program that asks a script on trial about requests of clients (src/worker/exercise.c).
local app = require "moongate.test.app"
local memcached = require "moongate.test.memcached"
local stage = require "moongate.stage"

local LOG_SECOND = 1 -- lines of the log are rationed by the second

-- By the number of a script: its app, or false when it does not load; its clients, by their listeners.
local apps, clients = {}, {}

local function app_of(script)
    if apps[script] == nil then
        local loaded, wrong = app.load(script, "", {})
        if not loaded and script == "0" then error(wrong, 0) end
        apps[script] = loaded or false
        clients[script] = {}
    end
    return apps[script]
end

-- A client that was closed, or got no reply, is of no use for the next request.
local function ask(script, listener, line)
    local loaded = app_of(script)
    if not loaded then return end
    local client = clients[script][listener] or app.connect(loaded, listener)
    local length = memcached.value_length(memcached.words(line))
    local good, reply = pcall(client.ask, client, line, length and ("x"):rep(length))
    clients[script][listener] = good and not reply.is_closed and client or nil
end

return function()
    for asked in stage.line do
        local script, listener, line = asked:match "^(%d) (%d+) (.*)$"
        stage.advance(LOG_SECOND)
        ask(script, tonumber(listener), line)
    end
end
