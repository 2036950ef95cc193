--- Configurations for routelib answer as memcached's proxy does with them: recorded answers, and whom they ask.
local t = require "moongate.test"
local cases = require "routelib_cases"

local names = { a = "10.0.0.1:11211", b = "10.0.0.2:11211", c = "10.0.0.3:11211" }
local letters = {}
for letter, name in pairs(names) do letters[name] = letter end

local HEAD = [[
local_zone "z1"
pools{
    a = { backends = { "10.0.0.1:11211" } },
    b = { backends = { "10.0.0.2:11211" } },
    c = { backends = { "10.0.0.3:11211" } },
    set_all = {
        { backends = { "10.0.0.1:11211" } }, { backends = { "10.0.0.2:11211" } }, { backends = { "10.0.0.3:11211" } },
    },
    set_zone = {
        z1 = { backends = { "10.0.0.1:11211" } },
        z2 = { backends = { "10.0.0.2:11211" } },
        z3 = { backends = { "10.0.0.3:11211" } },
    },
}
]]

local lines = {
    get = "get %s", gets = "gets %s", gat = "gat 30 %s", mg = "mg %s v", set = "set %s 0 0 1", add = "add %s 0 0 1",
    replace = "replace %s 0 0 1", delete = "delete %s", touch = "touch %s 30", incr = "incr %s 1", ms = "ms %s 1 T9",
    md = "md %s", me = "me %s",
}
local values = { set = "x", add = "x", replace = "x", ms = "x" }

local states = {
    h = function(server, letter, key) server:put(key, letter) end,
    m = function() end,
    e = function(server, letter) server:errs(letter) end,
    c = function(server, letter) server:answers("CLIENT_ERROR " .. letter) end,
    d = function(server) server:is_down() end,
}

local function set(app, row, key, number)
    for i = 1, #row[1] do
        local letter = ("abc"):sub(i, i)
        local server = app:server(names[letter])
        server:is_up()
        server:forgets()
        states[row[1]:sub(i, i)](server, number and tostring(i) or letter, key)
    end
end

-- The answer in the words of the cases: a value without its key and cas, an error of moongate's own by its kind.
local function short(text)
    local value = text:match "^VALUE %S+ 0 1[ %d]*\r\n(.)\r\nEND\r\n$"
    if value then return "VALUE " .. value end
    value = text:match "^VA 1\r\n(.)\r\n$"
    if value then return "VA " .. value end
    if text:find "^SERVER_ERROR 10%.0%.0%.%d:" then return "SERVER_ERROR backend failure" end
    if text:find "^SERVER_ERROR no route for this " then return "SERVER_ERROR lua start failure" end
    return (text:gsub("^ME.*", "ME"):gsub("\r\n", ""))
end

local function who(app)
    local list = {}
    for i, entry in ipairs(app.sent) do list[i] = letters[entry.server] end
    table.sort(list)
    app:forget()
    return table.concat(list)
end

local function try(app, row)
    local command, key = row[2]:match "^(%a+) ?(.*)$"
    key = key == "" and "k" or key
    set(app, row, key, command == "incr")
    app:forget()
    local reply = app:ask(lines[command]:format(key), values[command])
    t.advance(0)
    local wanted, got = row.here or row[3], short(reply.text)
    local is_one_of = wanted:find("|", 1, true) and ("|" .. wanted .. "|"):find("|" .. got .. "|", 1, true)
    t.expect(("%s %s: %s, %s"):format(row[1], row[2], is_one_of and wanted or got, who(app)))
        :equals(("%s %s: %s, %s"):format(row[1], row[2], wanted, row.who_here or row[4]))
end

for _, case in ipairs(cases) do
    local name, config, rows = case[1], case[2], case[3]
    t.it(name, function()
        local app, has_dead
        for _, row in ipairs(rows) do
            if not app or has_dead then app = t.load_text(HEAD .. config) end
            has_dead = row[1]:find "d"
            try(app, row)
        end
    end)
end

t.it("fills the bucket of route_ratelim once in a tick", function()
    local app = t.load_text(HEAD .. [[
        routes{ default = route_ratelim{ child = "a", limit = 3, fillrate = 1, tickrate = 20000, stats = true } }]])
    app:server(names.a):hits "x"
    local function count(seconds)
        t.advance(seconds)
        local hits = 0
        for _ = 1, 5 do hits = hits + (app:get("k").kind == "hit" and 1 or 0) end
        return hits
    end
    t.expect({ count(0), count(10), count(10.1), count(19), count(61) }):equals { 2, 0, 1, 0, 2 }
end)
