--- repl: the program of `moongate repl`: sends requests through a script and shows the answers.
local app = require "moongate.test.app"
local clock = require "moongate.test.clock"
local memcached = require "moongate.test.memcached"
local show = require "moongate.show"
local stage = require "moongate.stage"

local HELP = [[
get user:42          any request: shows where it goes, and the answer
set a 0 0 3          a request with a value: the value is the next line
= EXPRESSION         evaluates it: `mg` and the script's globals are there, its locals are not
:pools               shows the script's pools and its route
:reload              loads the script's file again
:help, :quit]]

local HELP_FAKE = [[

:down SERVER         the server closes its connections and refuses others
:up SERVER           the server works again
:silent SERVER       the server takes requests and does not answer
:advance SECONDS     lets time pass; it stands still otherwise]]

local function say(text)
    if text ~= "" then stage.report("note", 0, (text:gsub("\r?\n$", ""))) end
end

-- The first line of an error, without the place in moongate.
local function first_line(wrong)
    return (tostring(wrong):match "^[^\n]*":gsub("^lua/moongate/[^:]*:%d+: ", ""):gsub("^%?: ", ""))
end

-- Reads a value of that length, from as many lines as it takes.
local function read_value(length)
    local value = stage.line() or ""
    while #value < length do
        local more = stage.line()
        if not more then break end
        value = value .. "\n" .. more
    end
    return value
end

local shown = { route = true, server = true, request = true, error = true, more = true }

-- Shows what `moongate explain` says of a request about keys.
local function show_way(one, line, value)
    local text = stage.explain(one.number, line, value, one.first.wire)
    if not text:find "^route" then return end
    for field in text:gmatch "[^\n]+" do
        if shown[field:match "^%w+"] or field:find "^place %d" then say("  " .. field) end
    end
end

-- Shows which fake servers were asked; for real servers this is not known.
local function show_calls(made)
    for i = made.sent_from, #made.app.journal do
        local entry = made.app.journal[i]
        say(("  %-13s %s <- %s"):format("sent", entry.server, show.lines(entry.line)))
    end
end

local function show_reply(made)
    if made.kind == "nothing" then
        say "(no bytes)"
    elseif made.is_closed then
        say(show.lines((made.text:gsub("\r\n", "\n"))) .. "(closed)")
    else
        say(show.lines((made.text:gsub("\r\n", "\n"))))
    end
end

local function request(one, line)
    local length = memcached.value_length(memcached.words(line))
    local value = length and read_value(length)
    show_way(one, line, value)
    if one.first.is_closed then one.first = one:client(one.first.as or nil) end
    local made = one:ask(line, value)
    show_calls(made)
    show_reply(made)
end

local function read_file(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read "*a"
    file:close()
    return text
end

local commands, fake_commands = {}, {}

function commands.pools(one) say(stage.describe(one.number)) end
function commands.reload(one, _, path) one:reload(path, read_file(path)) end

for _, what in ipairs { "down", "up", "silent" } do
    fake_commands[what] = function(one, argument)
        local server = one:server(argument)
        server["is_" .. what](server)
    end
end

function fake_commands.advance(_, argument)
    local seconds = tonumber(argument)
    if not seconds or not (seconds >= 0 and seconds <= 1e8) then error(":advance takes seconds", 0) end
    clock.run(seconds)
end

-- One line of input.
local function obey(one, line, path, is_fake)
    local name, argument = line:match "^:(%w*)%s*(.-)%s*$"
    if line:find "^=" then
        local text = stage.evaluate(one.number, line:sub(2)):gsub("\nstack traceback:.*", "")
        say((text:gsub("^lua/moongate/[^:]*:%d+: ", "")))
    elseif name == "help" then
        say(HELP .. (is_fake and HELP_FAKE or ""))
    elseif name then
        local command = commands[name] or is_fake and fake_commands[name]
        if not command then error((":%s is not a command: :help lists them"):format(name), 0) end
        command(one, argument, path)
    else
        request(one, line)
    end
end

local function as_given(client, listener, identity)
    local as = { address = client, listener = listener, identity = identity }
    for name, text in pairs(as) do
        if text == "" then as[name] = nil end
    end
    return as
end

--- path: the script; servers: "fake" or "real"; client, listener, identity: what req.client, req.listener and
-- req.identity are; "": as they come.
return function(path, servers, client, listener, identity)
    local is_fake = servers == "fake"
    if not is_fake then clock.be_real() end
    local one, wrong = app.load(path, read_file(path), { client = as_given(client, listener, identity) })
    if not one then error(wrong, 0) end
    for line in stage.line do
        if line:find "^:q" and (":quit"):find(line, 1, true) == 1 then return end
        if line ~= "" then
            local good, why = pcall(obey, one, line, path, is_fake)
            if not good then say(first_line(why)) end
        end
    end
end
