--- test_api_fuzz: a test that calls everything that tests may call, in random order, with whatever it finds.
-- Played by tests/e2e/scripts/api_fuzz_test.c, with --unsafe-lua: it reads the types for editors, to know all there is,
-- and its seed. Whatever is wrong is a Lua error, caught here; whatever crashes is the test's business.
local t = require "moongate.test"

local seed = tonumber(os.getenv "API_FUZZ_SEED" or 1)
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2 ^ 31
    return math.floor(seed / 65536) % n + 1
end

local function pick(list) return list[random(#list)] end

-- --- what there is -----------------------------------------------------------------------------

-- Functions and fields by class, as lua/moongate/_meta_test.lua has them; a class's parent.
local members, parents = {}, { App = "Client" }

local function read_types()
    local class
    for line in assert(io.lines "lua/moongate/_meta_test.lua") do
        local name = line:match "^%-%-%-@class moongate%.test%.?(%w*)"
        local field, method = line:match "^%-%-%-@field (%w+)", line:match "^function %w+[.:]([%w_]+)"
        class = name or class
        if name then members[class] = members[class] or {} end
        if field then members[class][field] = false end
        if method then members[class][method] = true end
    end
end

read_types()

local ADDRESS = "10.0.0.1:11211"
local SCRIPT = ([[
    local mg = require "moongate"
    local pool = mg.pool { "%s", "10.0.0.2:11211", timeout = 0.5, probe_min = 1 }
    return mg.async(function(req) return mg.call(pool, req) end)]]):format(ADDRESS)

local numbers = { 0, 1, 2, 0.001, 0.5, 3, -1, 0 / 0, 1 / 0, -1 / 0, 1e300, 2 ^ 53 }
local strings = { "", "k", "user:1", "a b", "x\r\nflush_all\r\n", "\0", ("k"):rep(251), ("v"):rep(3000), "\255",
    "get k", "set k 0 0 1", "mg k v t", "get", "quit", "stats", "1", ADDRESS, SCRIPT, "return 1", "return mg.pool {",
    "no such/file.lua", "name", "text", "kind" }

local FIXED, MOST = 3, 40
local things = { t, numbers, strings }
local by_class = { App = {}, Client = {}, Server = {}, Reply = {}, Expectation = {} }
local old = { App = {}, Client = {}, Server = {}, Reply = {}, Expectation = {} } -- of tests that have ended
local done = {}

local class_names = { ["an app"] = "App", ["a client"] = "Client", ["a server"] = "Server", ["a reply"] = "Reply",
    ["an expectation"] = "Expectation" }

local function class_of(thing)
    return type(thing) == "table" and class_names[getmetatable(thing)] or nil
end

local function keep(thing)
    if type(thing) ~= "table" then return end
    things[#things < MOST and #things + 1 or FIXED + random(MOST - FIXED)] = thing
    local of = by_class[class_of(thing)]
    if of then of[#of < 12 and #of + 1 or random(12)] = thing end
end

local function anything()
    local way = random(8)
    if way == 1 then return nil end
    if way == 2 then return random(2) == 1 end
    if way <= 4 then return pick(numbers) end
    if way <= 6 then return pick(strings) end
    if way == 7 then return pick { function() end, error, { servers = { ADDRESS } }, {}, { "k", "v" } } end
    return pick(things)
end

-- --- plays -------------------------------------------------------------------------------------

-- Each function and field of objects: of live ones, of finished ones, and with another object in their place.
local turns = {}
for class, of in pairs(members) do
    for name, is_method in pairs(class ~= "" and of or {}) do
        for _, kind in ipairs { "live", "finished", is_method and "foreign" } do
            turns[#turns + 1] = { class = class, name = name, is_method = is_method, kind = kind,
                text = ("%s:%s:%s"):format(class, name, kind) }
        end
    end
end
table.sort(turns, function(a, b) return a.text < b.text end)

-- An object of that class and age; an App is a Client, too.
local function some_object(class, is_finished)
    local of = is_finished and old or by_class
    of = class == "Client" and random(3) == 1 and of.App or of[class]
    return of[random(math.max(#of, 1))]
end

local function some_other(class)
    local thing
    repeat thing = pick(things) until class_of(thing) ~= class and parents[class_of(thing)] ~= class
    return thing
end

local function use(turn)
    local thing = some_object(turn.class, turn.kind == "finished")
    if not thing then return end
    done[turn.text] = true
    if turn.is_method then
        local self = turn.kind == "foreign" and some_other(turn.class) or thing
        return thing[turn.name](self, pick { "k", anything() }, anything(), anything(), anything())
    end
    if random(8) == 1 then thing[turn.name] = anything() end
    return thing[turn.name]
end

local inside = { "load", "load_text", "advance", "now", "expect" }
local loads = 0 -- each script is one more worker that every second passes in

local function use_top()
    local name = pick(inside)
    if name:find "load" then loads = loads + 1 end
    if name:find "load" and loads > 5 then return end
    done[":" .. name .. ":live"] = true
    return t[name](pick { SCRIPT, 0.1, anything() }, anything())
end

local plays = {
    use_top,
    function() return pick(by_class.App):client() end,
    function() return pick(by_class.App):server(ADDRESS) end,
    function() return pick(by_class.App):get "k" end,
    function() return pick(by_class.Client):begin("get k") end,
    function() return t.expect(anything()) end,
    function() return tostring(pick(things)) end,
    function() return pick(things)[pick(strings)] end,
    function() pick(things)[pick { "nosuch", 1 }] = anything() end,
    function() return #pick(things) end,
    function() return pick(things)(anything()) end,
}

local function play(seconds)
    local turn, rounds, until_then = 0, 0, os.clock() + seconds
    loads = 0
    for _ = 1, 3 do keep(t.load_text(SCRIPT)) end
    while rounds < 3 or os.clock() < until_then do
        turn = turn % #turns + 1
        rounds = rounds + (turn == 1 and 1 or 0)
        local good, made = pcall(use, turns[turn])
        if good then keep(made) end
        good, made = pcall(pick(plays))
        if good then keep(made) end
    end
end

local function grow_old()
    for class, of in pairs(by_class) do
        if #of > 0 then old[class] = of end
        by_class[class] = {}
    end
end

-- While the file is loaded: what makes tests is called with all sorts of things, and with good ones.
for name in pairs(members[""]) do
    for _ = 1, 20 do
        local what, f = pick { "a name", anything() }, pick { function() end, anything() }
        if what ~= error and f ~= error then pcall(t[name], what, f) end
    end
    done[":" .. name .. ":live"] = true
end

for round = 1, 2 do
    t.it("anything goes, round " .. round, function()
        play(0.2)
        grow_old()
    end)
end

t.it("and a script can be tested as before", function()
    local app = t.load_text(SCRIPT)
    app:set("k", "v")
    t.expect(app:get "k"):is_hit "v"
end)

t.it("all there is was called", function()
    for name in pairs(members[""]) do turns[#turns + 1] = { text = (":%s:live"):format(name) } end
    for _, turn in ipairs(turns) do
        if not done[turn.text] then error(turn.text .. " was not done", 0) end
    end
end)
