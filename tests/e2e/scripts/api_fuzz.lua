--- api_fuzz: a script that calls everything that scripts may call, in random order, with whatever it finds.
-- Played by tests/e2e/scripts/api_fuzz_test.c, which puts a seed and servers in place of SEED and SERVERS. Whatever is
-- wrong is a Lua error, caught here; whatever crashes is the test's business, and what is logged as WRONG.
local mg = require "moongate"

local seed = SEED
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2 ^ 31
    return math.floor(seed / 65536) % n + 1
end

local function pick(list) return list[random(#list)] end

local pool, other = mg.pool { SERVERS }, mg.pool { SERVERS, timeout = 0.05 }
local shared, counter, gauge = mg.shared("fuzz", "64k"), mg.counter "fuzz_count", mg.gauge "fuzz_gauge"
local histogram = mg.histogram "fuzz_times"

-- --- what there is to give --------------------------------------------------------------------

local numbers = { 0, 1, 2, 3, -1, 0.5, 0.001, 0.002, 250, 251, 2 ^ 31, 2 ^ 32 - 1, 2 ^ 32, 2 ^ 53, 2 ^ 63, -2 ^ 31,
    1e300, 0 / 0,
    1 / 0, -1 / 0 }
local strings = { "", "k", "user:1", "a b", "x\r\nflush_all\r\n", "\0", ("k"):rep(250), ("k"):rep(251),
    ("v"):rep(3000), "\255\254",
    "v t", "v f k O1 c", "T30", "b", "b v", "q", "S", ":", "t", "T", "hit", "first", "majority", "same", "xxh3",
        "md5", "get", "wait",
    "timeout", "18446744073709551615", "18446744073709551616", "-1", "nan", "key", "value", "flags", "exptime",
        "cas", "delta",
    "command", "size", "client", "listener", "kind", "error", "number", "ttl", "key_at", "value_at", "owner",
        "function_id",
    "has_prefix", "key_part", "in_share", "set_flag", "is_hit", "__index", "__gc", "nosuch" }

-- Objects of all sorts and ages; a new one takes an old one's place.
local things = { pool, other, mg, mg.request, mg.reply, mg.reply.miss(), mg.reply.error "e", mg.reply.value "v",
    strings,
    mg.timer, mg.log, mg.worker, shared, counter, gauge, histogram }
local FIXED, MOST = #things, 80

local live = setmetatable({}, { __mode = "k" })  -- requests whose functions are at it
local owner = setmetatable({}, { __mode = "k" }) -- of a response: the request of its function
local by_class = {}                              -- the last objects of each sort, see below
local learn

local function keep(thing, req)
    if thing == nil then return end
    learn(thing, req)
    if #things < MOST then things[#things + 1] = thing else things[FIXED + random(MOST - FIXED)] = thing end
end

local depth = 0
local anything

local function some_table()
    local made = {}
    for _ = 1, random(4) - 1 do made[#made + 1] = anything() end
    if random(3) == 1 then made[pick(strings)] = anything() end
    if random(3) == 1 then made.wait = pick { "all", "first", "hit", "majority", 1, 2, 99, "x" } end
    if random(3) == 1 then made.timeout = pick { 0.001, 0.01, -1, "x" } end
    return made
end

local function some_list(of)
    local made = {}
    for i = 1, random(4) do made[i] = of() end
    return made
end

local function some_function()
    local way, value = random(4), nil
    if way == 1 then value = anything() end
    return function()
        if way == 2 then error(value) end
        if way == 3 then return pool end
        return value
    end
end

function anything()
    local way = random(12)
    if way == 1 then return nil end
    if way == 2 then return random(2) == 1 end
    if way <= 4 then return pick(numbers) end
    if way <= 6 then return pick(strings) end
    if way == 7 and depth < 3 then
        depth = depth + 1
        local made = some_table()
        depth = depth - 1
        return made
    end
    if way == 8 then return some_function() end
    return pick(things)
end

-- --- what there is to call --------------------------------------------------------------------

local routes -- filled below
local inside = 0 -- functions that are at it
local makers = { "get", "gets", "gat", "gats", "touch", "delete", "incr", "decr", "set", "add", "replace",
    "append", "prepend", "cas",
    "meta_get", "meta_set", "meta_delete", "meta_arithmetic" }

-- Most of what is made should be good, or nothing would ever be sent.
local function good_request()
    return mg.request[pick(makers)](pick { "k", "user:1", "long", "n" }, pick { "v", "v f", "1", 5, 0 }, pick { 0,
        1, "T9" },
        pick { 0, 1, 30 })
end

-- Everything that objects have in lua/moongate/_meta*.lua; the test asks whether each was called and each field read,
-- of live objects, of finished ones, and with another object in their place.
local members = {
    Request = {
        methods = { "has_prefix", "has_suffix", "key_part", "hash", "in_share", "has_flag", "flag", "set_flag",
            "clear_flag", "has_only_flags", "compares_cas", "asks_cas", "heat", "is_from" },
        fields = { "key", "value", "size", "exptime", "flags", "cas", "delta", "command", "client", "listener",
            "identity", "protocol" },
    },
    Response = { methods = { "is_hit", "is_miss", "is_refused", "is_error", "has_flag", "flag" },
        fields = { "kind", "value", "flags", "size", "cas", "number", "ttl", "error" } },
    Counter = { methods = { "add" } },
    Gauge = { methods = { "set", "add" } },
    Histogram = { methods = { "observe" } },
    Shared = { methods = { "get", "set", "add", "incr", "delete", "ttl", "capacity", "usage" } },
    Timer = { methods = { "stop" } },
}
local methods = { "nosuch", "every", "after", "info" }
local classes = {} -- by what tostring begins with

for class, of in pairs(members) do
    classes[class:lower()], by_class[class] = class, {}
    for _, name in ipairs(of.methods) do methods[#methods + 1] = name end
end

-- Of requests and responses that functions were given, which may be over: what they are.
local given = {}

-- The class of an object; nil for all else.
local function class_of(thing)
    if type(thing) == "userdata" then return given[thing] end
    local is_object = type(thing) == "cdata" or type(thing) ~= "string" and getmetatable(thing)
    return is_object and classes[tostring(thing):match "^%a+"]
end

-- What was done with what, also by other generations.
local done, noted = mg.shared("done", "64k"), {}

local function note(class, name, kind)
    local key = class .. ":" .. name .. ":" .. kind
    if not noted[key] then noted[key] = done:set(key, true) end
end

function learn(thing, req)
    if type(thing) == "userdata" and not given[thing] then
        local good, text = pcall(tostring, thing)
        given[thing] = good and classes[text:match "^%a+"] or nil
    end
    local class = class_of(thing)
    if not class then
        for _, item in ipairs(type(thing) == "table" and not getmetatable(thing) and thing or {}) do
            if class_of(item) == "Response" then learn(item, req) end
        end
        return
    end
    if class == "Response" and type(req) == "userdata" then owner[thing] = owner[thing] or req end
    local of = by_class[class]
    local at = #of < 8 and #of + 1 or random(8)
    if class == "Timer" and of[at] then of[at]:stop() end -- or there would be no time for anything else
    of[at] = thing
end

local stopped = setmetatable({}, { __mode = "k" })

local function kind_of(class, thing)
    local is_live = true
    if class == "Request" then is_live = live[thing] end
    if class == "Response" then is_live = live[owner[thing]] end
    if class == "Timer" then is_live = not stopped[thing] end
    return is_live and "live" or "finished"
end

-- Not those that look names up, which may take long, or that change the daemon.
local function functions_of(class, table_of)
    local found = {}
    for name, f in pairs(table_of) do
        if type(f) == "function" and name ~= "pool" and name ~= "options" then
            found[#found + 1] = function(...)
                note(class, name, "live")
                return f(...)
            end
        end
    end
    return found
end

local top, made = functions_of("mg", mg), functions_of("requests", mg.request)
local others = { functions_of("replies", mg.reply), functions_of("timers", mg.timer), functions_of("log", mg.log) }

-- The functions and fields of objects, one after the other, each of an object of any age.
local turns = {}
for class, of in pairs(members) do
    for _, name in ipairs(of.methods) do turns[#turns + 1] = { class, name, true } end
    for _, name in ipairs(of.fields or {}) do turns[#turns + 1] = { class, name, false } end
end
table.sort(turns, function(a, b) return a[1] .. a[2] < b[1] .. b[2] end)
local turn = random(#turns) -- a script that does not live long comes to the last ones, too

-- What may be given to a method, so that it goes as far as it can.
local function argument() return random(2) == 1 and pick { "k", "t", ":", "v", "T" } or anything() end

-- True when the function of `req` may not touch a request or a response: it is another's, or its time is over.
local function is_over(class, thing, req)
    if type(thing) ~= "userdata" or type(req) == "table" then return false end -- it may be that of who sent the table
    if class == "Request" then return thing ~= req end
    return class == "Response" and owner[thing] ~= nil and owner[thing] ~= req
end

-- Touching what is over is an error that says so.
local function expect_over(class, name, f)
    local good, result = pcall(f)
    if good or not tostring(result):find(("this %s is over: "):format(class:lower()), 1, true) then
        mg.log.error(("WRONG: %s.%s of one that is over: %s"):format(class, name, tostring(result)))
    end
end

-- Other ways to touch a request or a response than by its fields and methods.
local touches = {
    Request = {
        function(thing) mg.spawn(pool, thing) end,
        function(thing) return tostring(thing) end,
        function(thing) return coroutine.wrap(function() return thing.key end)() end,
        function(thing) return thing[pick { "key_at", "owner", "nosuch", "value", "kind" }] end,
        function(thing) thing[pick(strings)] = anything() end,
    },
    Response = {
        function(thing) return mg.request.set("k", thing) end,
        function(thing) return tostring(thing) end,
        function(thing) return coroutine.wrap(function() return thing.value end)() end,
        function(thing) return mg.reply.error(thing.error or "x") end,
        function(thing) thing[pick(strings)] = anything() end,
    },
}

-- The next function or field; req: whose function touches it, nil: none's.
local function in_turn(req)
    turn = turn % #turns + 1
    local class, name, is_method = unpack(turns[turn])
    local of = by_class[class]
    if #of == 0 then return end
    local thing = pick(of)
    if random(2) == 1 then -- most are over, where answers are late
        for _ = 1, 8 do thing = is_over(class, thing, req) and pick(of) or thing end
    end
    local kind = kind_of(class, thing)
    if is_over(class, thing, req) then
        note(class, name, kind)
        if random(3) == 1 then
            local touch = pick(touches[class])
            return expect_over(class, "another way", function() return touch(thing) end)
        end
        return expect_over(class, name, function()
            if is_method then return thing[name](thing, argument(), pick { 1, anything() }, anything()) end
            if random(2) == 1 then thing[name] = anything() end
            return thing[name]
        end)
    end
    if is_method and random(3) == 1 then
        local stranger = pick(things)
        if class_of(stranger) ~= class then
            note(class, name, "foreign")
            return thing[name](stranger, argument(), anything())
        end
    end
    note(class, name, kind)
    if not is_method then
        if random(2) == 1 then thing[name] = anything() end
        return thing[name]
    end
    if name == "stop" then stopped[thing] = true end
    return thing[name](thing, argument(), pick { 1, anything() }, anything())
end

local waits = {
    function(req) return mg.call(pick(routes), pick { req, good_request(), anything() }, pick { 0.01, 0.05 }) end,
    function(req) return mg.call(pick(routes), req) end,
    function() return mg.call(pick(routes), good_request()) end,
    function(req) return mg.call_all(some_list(function() return pick(routes) end), req, some_table()) end,
    function(req)
        return mg.call_all(some_list(function() return pick(routes) end), req,
            { wait = pick { "first", "hit", "majority", 2 }, timeout = 0.01 })
    end,
    function() return mg.call_each(pick(routes), some_list(good_request)) end,
    function(req) return inside < 20 and mg.spawn(pick(routes), random(2) == 1 and req or good_request()) end,
    function() return mg.sleep(pick { 0.001, 0.002, 0.005 }) end,
    function() return mg.call(anything(), anything(), anything()) end,
    function() return mg.call_all(anything(), anything(), anything()) end,
    function() return mg.call_each(anything(), anything(), anything()) end,
    function() return mg.spawn(anything(), anything()) end,
}

local plays = {
    function() return pick(top)(pick { anything(), some_table() }, anything(), anything()) end,
    function() return pick(made)(anything(), anything(), anything(), anything(), anything()) end,
    function() return pick(pick(others))(anything(), anything(), anything()) end,
    function() return mg.timer.after(pick { 0.001, 3600 }, function() end) end,
    function() return good_request() end,
    function() return mg.request[pick { "set", "add", "meta_set" }]("k", pick(things), anything(), anything()) end,
    function() return pick { mg.reply.miss, mg.reply.error, mg.reply.value }(anything(), anything(), anything()) end,
    function() local thing = pick(things) return thing[pick(methods)](thing, anything(), anything()) end,
    function() return pick(things)[pick(methods)](anything(), anything(), anything()) end,
    function() return pick(things)[pick(strings)] end,
    function() return pick(things)[anything()] end,
    function()
        local thing = pick(things)
        if type(thing) ~= "table" or getmetatable(thing) then thing[pick(strings)] = anything() end
    end,
    function() return tostring(pick(things)) end,
    function() return #pick(things) end,
    function() return pick(things) .. anything() end,
    function() return pick(things) + anything() end,
    function() return pick(things) < anything() end,
    function() return pick(things) == pick(things) end,
    function() return pick(things)(anything()) end,
    function() return getmetatable(pick(things)) end,
    function() return setmetatable(pick(things), {}) end,
    function() return next(pick(things)) end,
    function() return (coroutine.running()) end,
    function() return coroutine.resume(pick(things), anything()) end,
    function() return coroutine.wrap(some_function())(anything()) end,
    function() return coroutine.create(some_function()) end,
    function() return coroutine.status(pick(things)) end,
    function() if random(20) == 1 then coroutine.yield(anything()) end end,
    function() return pcall(pick(things), anything()) end,
    function() return table.concat { tostring(pick(things)), tostring(anything()) } end,
    function() return string.format("%s %s", tostring(anything()), tostring(pick(things))) end,
}

-- --- requests --------------------------------------------------------------------------------

local function play(list, req)
    local good, result = pcall(pick(list), req)
    if good then keep(result, req) end
end

-- What a function does; less and less of it while many are at it.
local function play_some(req, may_wait)
    keep(req)
    for _ = 1, inside > 50 and 1 or random(8) do
        play(plays, req)
        for _ = 1, 4 do pcall(in_turn, req) end
        if random(10) == 1 then
            local go = coroutine.wrap(function() coroutine.yield() in_turn(nil) end)
            go()
            mg.timer.after(0.001, function() pcall(go) pcall(in_turn, nil) end)
        end
        if may_wait and inside <= 50 and random(2) == 1 then play(waits, req) end
    end
end

local function some_end(req)
    local way = random(8)
    if way <= 3 then return pool end
    if way == 4 then return anything() end
    if way == 5 then return mg.reply.value(pick(strings), pick { 0, 7 }) end
    if way == 6 then return inside < 30 and pick(routes) or pool end
    if way == 7 then return mg.reply.miss() end
    return mg.call and pcall(mg.call, pool, req) and pool or other
end

local function waiting(req)
    inside = inside + 1
    live[req] = true
    local good, result = pcall(function()
        play_some(req, true)
        if random(3) == 1 then return mg.call(pool, req) end
        return some_end(req)
    end)
    inside = inside - 1
    live[req] = nil
    if not good then error(result, 0) end
    return result
end

local function plain(req)
    live[req] = true
    play_some(req, random(4) == 1)
    live[req] = nil
    return some_end(req)
end

local slow, slower = mg.async(waiting), mg.async(function(req)
    mg.sleep(pick { 0.002, 0.002, 0.1 }) -- also until another script is used
    return waiting(req)
end)

routes = { pool, other, slow, slower, plain, mg.failover { other, pool }, mg.all_sync { pool, slow },
    mg.all_async { slow, plain },
    mg.all_fastest { slower, pool }, mg.all_initial { pool, slow }, mg.all_majority { pool, other, slow },
        mg.reply.miss(),
    mg.warm_up { other, pool }, mg.staging { pool, slow, exptime = 5 }, mg.l1_l2 { other, pool, negative = 1 },
    mg.migrate { pool, slow, start = os.time() - 1000, interval = 1000 }, mg.big_value { pool, threshold = 1024 },
    mg.lease { pool, ttl = 1, wait = 0.01 }, mg.lease { slow, ttl = 1, wait = 0.01, stale = 1 } }

-- What may only be called now is called now, too.
for _ = 1, 300 do play(plays) end
for _, f in ipairs(top) do
    for _ = 1, 10 do
        pcall(f, some_table())
        pcall(f, { pool, slow, [pick(strings)] = anything() })
    end
end
for _ = 1, 20 do
    play(made)
    pcall(mg.pool, { "127.0.0.1:1", [pick(strings)] = anything() })
    local option = pick { "verbose", "allow_flush", "allow_dump", "max_conns", "max_value", "nosuch" }
    pcall(mg.options, { [option] = anything() })
end
mg.defaults {}
mg.options { max_conns = 1000, verbose = 0 }
note("mg", "pool", "live")
note("mg", "options", "live")
keep(mg.timer.after(3600, function() end))
for _, thing in ipairs(things) do learn(thing) end

-- What the test's own client asks for is only looked at, and kept: nobody may touch it later.
local function own(req)
    local key, client = req.key, req.client
    for _ = 1, 3 do pcall(in_turn, nil) end
    if req.key ~= key or req.client ~= client then mg.log.error("WRONG: another's request: " .. req.key) end
    keep(req)
    return pool
end

return function(req)
    if req:has_prefix "own:" then return own(req) end
    if req.key == "alive" or req.key == "done:calm" then return pool end -- one line each, whatever else goes on
    return plain(req)
end
