--- mcrouter_cases: runs a table of cases: a route of mcrouter's configuration, what its servers do, a request; and
-- then who was asked what, in which order, and what the client got.
local t = require "moongate.test"

local M = {}

-- Pools A (two servers), B, C and D, which have one each.
local servers = { a1 = "10.0.0.1:11211", a2 = "10.0.0.2:11211", b = "10.0.0.3:11211", c = "10.0.0.4:11211",
    d = "10.0.0.5:11211" }
local letters = {}
for letter, name in pairs(servers) do letters[name] = letter end

local POOLS = [[
    "A": { "servers": [ "10.0.0.1:11211", "10.0.0.2:11211" ] },
    "B": { "servers": [ "10.0.0.3:11211" ] },
    "C": { "servers": [ "10.0.0.4:11211" ] },
    "D": { "servers": [ "10.0.0.5:11211" ] },
    "none": { "servers": [] }]]

--- The app of a configuration with those pools and that route.
function M.over(route)
    return t.load_text(('{ "pools": {%s },\n"route": %s }'):format(POOLS, route))
end

-- What a server does: "hit" has every key, with its own letter as the value.
local function play(app, letter, what)
    local server = app:server(servers[letter])
    if what == "hit" then
        server:hits("of " .. letter)
    elseif what == "down" then
        server:is_down()
    elseif what == "silent" then
        server:is_silent()
    elseif what == "miss" then
        server:misses()
    else
        server:answers(what)
    end
end

local function ask(app, line)
    local words = line:match "^%l+" or ""
    local stores = { set = true, ms = true, add = true, replace = true, append = true, prepend = true, cas = true }
    return app:ask(line, stores[words] and "v" or nil)
end

-- What was sent: "a1 get k, b get k"; sorted where `is_sorted`, for requests that leave at once.
local function sent(app, is_sorted)
    local list = {}
    for i, entry in ipairs(app.sent) do list[i] = letters[entry.server] .. " " .. entry.line end
    if is_sorted then table.sort(list) end
    return table.concat(list, ", ")
end

-- A reply in a word or two: "hit of a1", "miss", or its first line.
local function shown(reply)
    if reply.value then return "hit " .. reply.value end
    if reply.text == "END\r\n" then return "miss" end
    return (reply.text:gsub("\r\n$", ""))
end

-- Whether the route is over that server's pool: other servers are not there.
local function uses(route, letter)
    return route:find(letter:sub(1, 1):upper() .. '"', 1, true)
end

-- One case: { SOURCE, ROUTE, { server = WHAT, ... }, LINE, SENT, REPLY }. Several lines, sents and replies are lists.
local function run(case, app)
    for letter, what in pairs(case[3]) do
        if uses(case[2], letter) then play(app, letter, what) end
    end
    local reply = ask(app, case[4])
    t.advance(0)
    t.expect(sent(app, not case.in_order)):equals(case[5])
    t.expect(shown(reply)):equals(case[6])
end

--- Makes a test of each case. `in_order`: the order in which servers were asked counts.
function M.tests(name, cases)
    t.describe(name, function()
        for _, case in ipairs(cases) do
            local states = {}
            for letter, what in pairs(case[3]) do states[#states + 1] = letter .. " " .. what end
            table.sort(states)
            local title = ("%s: %s: %s (%s)"):format(case[1], case[2], case[4], table.concat(states, ", "))
            t.it(title, function() run(case, M.over(case[2])) end)
        end
    end)
end

return M
