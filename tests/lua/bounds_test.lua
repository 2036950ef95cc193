--- Options of policies that decide which of several results counts, how long a route may take, and what commands share:
-- those that other proxies have.
local t = require "moongate.test"
local three = require "three"

local over, sent, who, whom = three.over, three.sent, three.who, three.whom

t.describe("failover within a time", function()
    t.it("asks the next route when one does not answer in time", function()
        local app, a, b, c = over "mg.failover { a, b, c, within = 0.05 }"
        a:put("k", "from a"):is_slow(0.1, 1)
        b:put("k", "from b"):is_slow(0.1, 1)
        c:put("k", "from c")
        local reply = app:begin "get k"
        t.advance(0.049)
        t.expect(who(app)):equals "a"
        t.advance(0.002)
        t.expect(who(app)):equals "b"
        t.advance(0.05)
        t.expect(reply):is_hit "from c"
        t.expect(reply):took(0.1)
        t.advance(1)
        t.expect(app:get "k"):is_hit "from a"
    end)

    t.it("drops what the route answers later, and never waits for it again", function()
        local app, a, b = over "mg.failover { a, b, within = 0.05 }"
        a:put("k", "from a"):is_slow(0.06, 1)
        b:is_slow(0.1, 1)
        local reply = app:begin "get k"
        t.advance(0.2)
        t.expect(reply):is_error "timeout: no route has answered in its time"
        t.expect(reply):took(0.1)
    end)

    t.it("is bounded also where a route fails at once", function()
        local app, a, b, c = over "mg.failover { a, b, c, within = 0.05 }"
        a:is_down()
        b:is_slow(0.1)
        c:put("k", "from c")
        local reply = app:get "k"
        t.expect(reply):is_hit "from c"
        t.expect(reply):took(0.05)
    end)

    t.it("is not waited for where a route answers by itself", function()
        local app, _, b = over "mg.failover { mg.error 'no', b, within = 0.05, on = { 'denied', 'error' } }"
        b:put("k", "from b")
        t.expect(app:get "k"):is_hit "from b"
    end)

    t.it("fails where a timeout is no reason to go on", function()
        local app, a = over "mg.failover { a, b, within = 0.05, on = 'down' }"
        a:is_silent()
        t.expect(app:get "k"):is_error "timeout: no route has answered in its time"
        t.expect(who(app)):equals "a"
    end)

    t.it("lets a slow route answer in its pool's own time without it", function()
        local app, a = over "mg.failover { a, b }"
        a:put("k", "from a"):is_slow(0.1, 1)
        t.expect(app:get "k"):is_hit "from a"
    end)

    t.it("gives back a win that comes too late", function()
        for _, pause in ipairs { 0.06, 0.11 } do -- before the next route has answered, and after that
            local app, a, b = over(("mg.failover { mg.delay { a, after = %g }, b, within = 0.05 }"):format(pause))
            a:answers("VA 1 X W\r\na", 1)
            b:put("k", "b"):is_slow(0.03)
            local reply = app:begin "mg k v"
            t.advance(0.2)
            t.expect(reply):is "VA 1\r\nb\r\n"
            t.expect(sent(app)):equals { "a mg k v", "b mg k v", "a md k I" }
        end
    end)

    t.it("gives a win back once, whatever the server answers to that", function()
        for _, route in ipairs {
            "mg.failover { mg.delay { a, after = 0.06 }, b, within = 0.05 }",
            "mg.failover { mg.delay { a, after = 0.06 }, b, within = 0.05, on = 'down' }",
            "mg.all_fastest { mg.delay { a, after = 0.06 }, b, within = 0.05 }",
            "mg.all_initial { b, mg.delay { a, after = 0.06 } }",
            "mg.hedge { mg.delay { a, after = 0.06 }, b, most = 0.001 }",
        } do
            local app, a = over(route)
            a:answers("VA 1 W\r\na", 1)
            app:begin "mg k v"
            t.advance(0.01)
            a:answers("HD W", 5)
            t.advance(1)
            local list = {}
            for _, line in ipairs(sent(app)) do list[#list + 1] = line:match "^a.*" end
            t.expect(list):equals { "a mg k v", "a md k I" }
        end
    end)

    t.it("sends a write on with its value", function()
        local app, a, b = over "mg.failover { a, b, within = 0.05 }"
        a:is_silent()
        t.expect(app:set("k", "v")):is "STORED\r\n"
        t.expect(b:value "k"):equals "v"
    end)

    t.it("is explained", function()
        local app = over "mg.failover { a, b, within = 0.05 }"
        t.expect(app:explain("get k").places[2].when):equals "on an error of a, or after 0.05 s"
    end)
end)

t.describe("failover with the last result", function()
    t.it("tells an error that comes after a miss", function()
        local app, _, b, c = over "mg.failover { a, b, c, on = { 'miss', 'error' }, result = 'last' }"
        b:is_down()
        c:errs "full"
        t.expect(app:get "k"):is_error "full"
        c:is_up()
        t.expect(app:get "k"):is_miss()
        app, _, b, c = over "mg.failover { a, b, c, on = { 'miss', 'error' }, result = 'best' }"
        b:is_down()
        c:errs "full"
        t.expect(app:get "k"):is_miss()
    end)
end)

t.describe("all_fastest within a time", function()
    t.it("answers with the best result so far", function()
        local app, a, b = over "mg.all_fastest { a, b, hit = true, within = 0.05 }"
        a:put("k", "1"):is_slow(0.1)
        local reply = app:get "k"
        t.expect(reply):is_miss()
        t.expect(reply):took(0.05)
        b:is_slow(0.1)
        t.expect(app:get "k"):is_error "timeout: no route has answered in its time"
        a:is_up()
        t.advance(1)
        t.expect(app:get "k"):is_hit "1"
    end)

    t.it("answers with the first result that comes in time", function()
        local app, a, b = over "mg.all_fastest { a, b, within = 0.05 }"
        a:is_silent()
        b:put("k", "2"):is_slow(0.04, 1)
        local reply = app:get "k"
        t.expect(reply):is_hit "2"
        t.expect(reply):took(0.04)
        b:errs "no"
        t.expect(app:get "k"):is_error "timeout"
    end)

    t.it("waits no longer for the route whose cas it would show", function()
        local app, a, b = over "mg.all_fastest { a, b, within = 0.05 }"
        a:is_silent()
        b:put("k", "2")
        local reply = app:ask "gets k"
        t.expect(("%.0f"):format(reply.cas)):equals(("%.0f"):format(2 ^ 63))
        t.expect(reply):took(0.05)
    end)

    t.it("gives back a win that comes too late", function()
        for _, flag in ipairs { "R20", "N30" } do -- of a request that goes to one route after the other
            local app, a = over "mg.all_fastest { mg.delay { a, after = 0.06 }, b, within = 0.05 }"
            a:answers("VA 1 W\r\na", 1)
            local reply = app:begin("mg k v " .. flag)
            t.advance(0.2)
            t.expect(reply):is_error "timeout: no route has answered in its time"
            t.expect(sent(app)):equals { "a mg k v " .. flag, "a md k I" }
        end
    end)
end)

t.describe("all_sync with the last result", function()
    t.it("has the last route's result, in their order", function()
        local app, a, b, c = over "mg.all_sync { a, b, c, result = 'last' }"
        c:put("k", "from c"):is_slow(0.02)
        t.expect(app:get "k"):is_hit "from c"
        a:put("k", "from a"):is_slow(0.04)
        t.expect(app:get "k"):is_hit "from c"
        c:forgets()
        t.expect(app:get "k"):is_miss()
        t.expect(b:value "k"):equals(nil)
    end)

    t.it("has the first error, in their order", function()
        local app, a, b, c = over "mg.all_sync { a, mg.delay { b, after = 0.01 }, c, result = 'last' }"
        a:put("k", "from a")
        c:errs "at c"
        t.expect(app:get "k"):is_error "at c"
        b:errs "at b"
        t.expect(app:get "k"):is_error "at b"
        a:is_down()
        t.expect(app:get "k"):is_error "10.0.0.1:11211"
    end)

    t.it("has the worst error without it: what a server says, rather than that it says nothing", function()
        local app, a, b, c = over "mg.all_sync { a, b, c }"
        a:is_down()
        b:errs "full"
        t.expect(app:get "k"):is_error "full"
        c:put("k", "text")
        b:is_up()
        t.expect(app:ask "incr k 1"):is "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
        app = over "mg.all_sync { mg.error 'mine', b, c }"
        app:server "10.0.0.2:11211":errs "full"
        t.expect(app:get "k"):is_error "mine"
    end)
end)

t.describe("all_majority with the most frequent result", function()
    local route = "mg.all_majority { a, b, c, mg.error 'no', mg.error 'no', result = 'most_frequent' }"
    t.it("has it where no more than half agree", function()
        local app, a, b, c = over(route)
        a:put("k", "1")
        b:put("k", "1")
        t.expect(app:get "k"):is_error "no" -- two hits, a miss, two errors: the worst of the two most frequent
        c:put("k", "1")
        t.expect(app:get "k"):is_hit "1"
        app, a = over "mg.all_majority { a, b, c, mg.error 'no', result = 'most_frequent' }"
        a:put("k", "1")
        t.expect(app:get "k"):is_miss() -- two misses, a hit, an error
        app, a = over "mg.all_majority { a, b, c, mg.error 'no' }"
        a:put("k", "1")
        t.expect(app:get "k"):is_error "no"
    end)
end)

t.describe("rate_limit", function()
    local function passed(app, line, n)
        local good = 0
        for _ = 1, n do good = good + (app:ask(line).kind == "error" and 0 or 1) end
        return good
    end

    t.it("has one bucket for commands that share a rate", function()
        local app = over [[mg.rate_limit { a, get = { rate = 1, burst = 4, with = { "gat", "touch" } },
            gats = { rate = 1, burst = 4 } }]]
        t.expect(passed(app, "get k", 3)):equals(3)
        t.expect(passed(app, "gat 9 k", 3)):equals(1)
        t.expect(passed(app, "gats 9 k", 9)):equals(4)
    end)

    t.it("fills its buckets in ticks", function()
        local app = over "mg.rate_limit { a, rate = 10, burst = 5, tick = 0.5 }"
        t.advance(0.01)
        t.expect(passed(app, "get k", 9)):equals(5)
        local sum, times = 0, 0
        for _ = 1, 10 do
            t.advance(0.1)
            local n = passed(app, "get k", 9)
            sum = sum + n
            times = times + (n > 0 and 1 or 0)
        end
        t.expect(sum):equals(10)
        t.expect(times):equals(2)
    end)
end)

t.describe("zone_failover by command", function()
    t.it("asks the others after a miss of those commands alone", function()
        local app, a, b = over [[mg.zone_failover { here = "x", zones = { x = a, y = b, z = c },
            on = { get = { "error", "miss" } } }]]
        b:put("k", "from b")
        t.expect(app:get "k"):is_hit "from b"
        t.expect(whom(app)):equals "abc"
        t.expect(app:ask "delete k"):is "NOT_FOUND\r\n"
        t.expect(whom(app)):equals "a"
        a:is_down()
        t.expect(app:ask "delete k"):is "DELETED\r\n"
    end)
end)

t.describe("a policy made of a failover", function()
    t.it("has its options", function()
        local options = "within = 0.05, on = { get = { 'error', 'miss' } }, result = 'last', commands = 'get'"
        for _, route in ipairs { "mg.failover { a, b, %s }", "mg.failover_with_exptime { a, b, 60, %s }",
            "mg.latest { a, b, host = 'x', %s }" } do
            local app, a, b = over(route:format(options))
            app:get "k"
            local first = sent(app)[1]:sub(1, 1) == "a" and a or b -- latest has an order of its own
            local second = first == a and b or a
            second:errs "full"
            t.expect(app:get "k"):is_error "full"
            second:is_up():put("k", "from the second")
            first:is_silent()
            t.expect(app:get "k"):took(0.05)
            t.expect(app:ask "delete k"):is_error()
            first:is_up()
            t.advance(1)
        end
    end)

    t.it("keeps its share", function()
        local app = over "mg.latest { a, b, c, host = 'x', share = 0.5, burst = 1 }"
        local first = app:explain("get k").server
        app:server(first):errs "no"
        local errors = 0
        for _ = 1, 20 do errors = errors + (app:get("k").kind == "error" and 1 or 0) end
        t.expect(errors):equals(10)
    end)
end)
