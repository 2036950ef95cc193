--- mg.failover and mg.zone_failover: after an error or what `on` names, the next route answers, or all others at once.
local t = require "moongate.test"
local three = require "three"

local A, B, C = "10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211"

-- A script with three pools of one server each, and a failover over them with those options.
local function over(options)
    return t.load_text(([[
        local mg = require "moongate"
        local a = mg.pool { "10.0.0.1:11211", name = "a", timeout = 0.2 }
        local b = mg.pool { "10.0.0.2:11211", name = "b", timeout = 0.3 }
        local c = mg.pool { "10.0.0.3:11211", name = "c" }
        return mg.failover { a, b, c, %s }]]):format(options or ""))
end

t.describe("failover", function()
    t.it("asks the first route alone while that answers", function()
        local app = over()
        app:server(A):put("k", "from a")
        t.expect(app:get "k"):is_hit "from a"
        t.expect(app:get "none"):is_miss()
        t.expect(app.sent):equals { { server = A, line = "get k" }, { server = A, line = "get none" } }
    end)

    t.it("goes on to the next after each kind of error", function()
        local app = over()
        app:server(B):put("k", "from b")
        app:server(A):errs "out of memory"
        t.expect(app:get "k"):is_hit "from b"
        app:server(A):is_silent()
        local reply = app:get "k"
        t.expect(reply):is_hit "from b"
        t.expect(reply):took(0.2)
        app:server(A):is_down()
        t.expect(app:get "k"):is_hit "from b"
    end)

    t.it("sends a write on with its value", function()
        local app = over()
        app:server(A):is_down()
        t.expect(app:set("k", "value", 7, 60)):is "STORED\r\n"
        t.expect(app:server(B):item "k"):equals { value = "value", flags = 7, cas = 1, ttl = 60 }
        t.expect(app.sent):equals { { server = B, line = "set k 7 60 5", value = "value" } }
    end)

    t.it("goes on after a miss that on names", function()
        local app = over 'on = { "miss" }'
        app:server(C):put("k", "from c")
        t.expect(app:get "k"):is_hit "from c"
        t.expect(#app.sent):equals(3)
        app:server(A):errs "out of memory"
        t.expect(app:get "k"):is_error "out of memory"
    end)

    t.it("tells the last result where answer says so", function()
        local app = over 'on = { "miss", "error" }, result = "last"'
        app:server(B):is_down()
        app:server(C):errs "full"
        t.expect(app:get "k"):is_error "full"
        app:server(C):is_up()
        t.expect(app:get "k"):is_miss()
    end)

    t.it("tells a miss rather than the error that came after it", function()
        local app = over 'on = { "miss", "error" }'
        app:server(B):is_down()
        app:server(C):errs "full"
        t.expect(app:get "k"):is_miss()
    end)

    t.it("tells the last error when all err", function()
        local app = over()
        for _, name in ipairs { A, B, C } do app:server(name):errs("at " .. name) end
        t.expect(app:get "k"):is("SERVER_ERROR at " .. C .. "\r\n")
    end)

    t.it("tries no more than it may", function()
        local app = over "tries = 2"
        app:server(A):is_down()
        app:server(B):errs "at b"
        app:server(C):put("k", "from c")
        t.expect(app:get "k"):is_error "at b"
    end)

    t.it("lets only its share of the requests go on", function()
        local app = over "share = 0.25, burst = 0"
        app:server(A):errs "at a"
        local hits = 0
        for i = 1, 40 do hits = hits + (app:get("k" .. i).kind == "miss" and 1 or 0) end
        t.expect(hits):equals(10)
    end)

    t.it("begins with the one that failed least with least_failures", function()
        local app = over 'order = "least_failures"'
        app:server(A):errs "at a"
        app:server(B):errs "at b"
        app:server(C):put("k", "from c")
        t.expect(app:get "k"):is_hit "from c"
        app:forget()
        t.expect(app:get "k"):is_hit "from c"
        t.expect(app.sent):equals { { server = A, line = "get k" }, { server = C, line = "get k" } }
    end)

    t.it("answers each key of a get by itself", function()
        local app = over()
        app:server(A):put("x", "1"):put("y", "2")
        t.expect(app:get("x", "none", "y").values):equals { x = "1", y = "2" }
        app:server(A):is_down()
        app:server(B):put("y", "3")
        t.expect(app:get("x", "none", "y")):is "VALUE y 0 1\r\n3\r\nEND\r\n"
    end)

    t.it("is back at the first route once that is", function()
        local app = over()
        app:server(A):is_down():put("k", "from a")
        t.expect(app:get "k"):is_miss()
        app:server(A):is_up()
        t.advance(30)
        t.expect(app:get "k"):is_hit "from a"
    end)
end)

local function zones(options)
    return three.over(('mg.zone_failover { here = "x", zones = { x = a, y = b, z = c }, %s }'):format(options or ""))
end

t.describe("zone_failover", function()
    t.it("takes zones that are called by numbers, too", function()
        local app, a, b = three.over "mg.zone_failover { here = 2, zones = { [2] = a, b, z = c } }"
        b:put("k", "from b")
        a:is_down()
        t.expect(app:get "k"):is_hit "from b"
    end)

    t.it("asks its own zone alone while that answers", function()
        local app, a = zones()
        a:put("k", "near")
        t.expect(app:get "k"):is_hit "near"
        t.expect(app:get "none"):is_miss()
        t.expect(three.who(app)):equals "aa"
    end)

    t.it("asks all others at once when its own errs, and takes the first that does not", function()
        local app, a, b, c = zones()
        a:errs "broken"
        b:is_slow(0.2):put("k", "from b")
        c:is_slow(0.1):put("k", "from c")
        local reply = app:get "k"
        t.expect(reply):is_hit "from c"
        t.expect(reply):took(0.1)
        t.expect(three.whom(app)):equals "abc"
        c:errs "broken"
        reply = app:get "k"
        t.expect(reply):is_hit "from b"
        t.expect(reply):took(0.2)
    end)

    t.it("takes a miss of the others for an answer", function()
        local app, a, b, c = zones()
        a:is_down()
        b:is_slow(0.1):put("k", "from b")
        c:misses()
        t.expect(app:get "k"):is_miss()
    end)

    t.it("waits for its own no longer than that may take, and writes to all others", function()
        local app, a, b, c = zones()
        a:is_silent()
        local reply = app:set("k", "value", 7, 60)
        t.expect(reply):is "STORED\r\n"
        t.expect(reply):took(0.2)
        t.expect({ b:value "k", c:value "k" }):equals { "value", "value" }
    end)

    t.it("takes the first hit of the others, when a miss sends it there", function()
        local app, a, b, c = zones 'on = { "error", "miss" }'
        b:is_slow(0.2):put("k", "from b")
        local reply = app:get "k"
        t.expect(reply):is_hit "from b"
        t.expect(reply):took(0.2)
        t.expect(app:get "none"):is_miss()
        c:errs "broken"
        t.expect(app:get "none"):is_miss()
        a:errs "broken"
        t.expect(app:get "k"):is_hit "from b"
    end)

    t.it("tells an error when all err", function()
        local app, a, b, c = zones()
        a:is_down()
        b:errs "at b"
        c:is_slow(0.1)
        c:errs "at c"
        t.expect(app:get "k"):is_error "at "
        a:is_up()
        t.advance(30)
        t.expect(app:get "k"):is_miss()
    end)
end)
