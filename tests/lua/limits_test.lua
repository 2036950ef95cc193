--- Policies that let so much through, later, or to a second route too: rate_limit, outstanding_limit, delay, shadow,
-- log_requests.
local t = require "moongate.test"
local three = require "three"

local over, sent, who = three.over, three.sent, three.who

-- Sends n gets of different keys; how many were no error.
local function passed(app, n)
    local good = 0
    for i = 1, n do good = good + (app:get("k" .. i).kind == "error" and 0 or 1) end
    return good
end

t.describe("rate_limit", function()
    t.it("lets a burst through, and then as many as its rate allows", function()
        local app = over "mg.rate_limit { a, rate = 10, burst = 5 }"
        t.expect(passed(app, 20)):equals(5)
        t.expect(#sent(app)):equals(5)
        t.advance(0.099)
        t.expect(passed(app, 1)):equals(0)
        t.advance(0.002)
        t.expect(passed(app, 5)):equals(1)
        t.advance(0.31)
        t.expect(passed(app, 5)):equals(3)
        t.advance(60)
        t.expect(passed(app, 20)):equals(5)
    end)

    t.it("has a second's worth at once, when no burst is given", function()
        t.expect(passed(over "mg.rate_limit { a, rate = 8 }", 20)):equals(8)
        t.expect(passed(over "mg.rate_limit { a, rate = 0.5 }", 20)):equals(1)
        t.expect(passed(over "mg.rate_limit { a, get = 0.5 }", 20)):equals(1)
    end)

    t.it("has rates for groups of commands, which do not count for each other", function()
        local app = over "mg.rate_limit { a, get = 2, update = { rate = 1, burst = 3 }, incr = 1 }"
        t.expect(passed(app, 9)):equals(2)
        for i = 1, 5 do t.expect(app:set("k", "5").kind):equals(i <= 3 and "hit" or "error") end
        t.expect(app:add("other", "5")):is_error "rate limit"
        t.expect(app:incr "k"):is_hit "6"
        t.expect(app:incr "k"):is "SERVER_ERROR rate limit\r\n"
        for _ = 1, 9 do t.expect(app:decr "k"):is_hit() end
    end)

    t.it("counts all commands without a rate of their own together", function()
        local app = over "mg.rate_limit { a, rate = 2, delete = 1 }"
        t.expect(app:get "k"):is_miss()
        t.expect(app:set("k", "x")):is_hit()
        t.expect(app:touch("k", 5)):is_error "rate limit"
        t.expect(app:delete "k"):is_hit()
        t.expect(app:delete "k"):is_error "rate limit"
    end)

    t.it("makes a miss of what is too much, or asks another route", function()
        local app = over 'mg.rate_limit { a, rate = 1, over = "miss" }'
        app:set("k", "x")
        t.expect(app:get "k"):is_miss()
        t.expect(app:set("k", "x")):is "NOT_STORED\r\n"
        app = over "mg.rate_limit { a, rate = 1, over = b }"
        app:set("k", "x")
        t.expect(app:get "k"):is_miss()
        t.expect(sent(app)):equals { "a set k 0 0 1", "b get k" }
    end)

    t.it("tells its route's error, which counts", function()
        local app, a = over "mg.rate_limit { a, rate = 1, burst = 2 }"
        a:errs "broken"
        t.expect(app:get "k"):is_error "broken"
        a:is_up()
        t.expect(app:get "k"):is_miss()
        t.expect(app:get "k"):is_error "rate limit"
    end)
end)

t.describe("outstanding_limit", function()
    t.it("lets so many wait, and no more until one is answered", function()
        local app, a = over "mg.outstanding_limit { a, 2 }"
        a:is_slow(0.1)
        local first, second, third = app:begin "get k", app:client():begin "get k", app:client():begin "get k"
        t.expect(third):is "SERVER_ERROR too many requests are in flight\r\n"
        t.expect(first):is_waiting()
        t.advance(0.1)
        t.expect(first):is_miss()
        t.expect(second):is_miss()
        t.expect(app:get "k"):is_miss()
    end)

    t.it("has room again when a server that says nothing was waited for long enough, or is lost", function()
        local app, a = over "mg.outstanding_limit { a, 1 }"
        a:is_silent()
        local first = app:begin "get k"
        t.advance(0.199)
        t.expect(app:client():begin "get k"):is_error "too many"
        t.advance(0.002)
        t.expect(first):is_error "timeout"
        local second = app:begin "get k"
        t.expect(second):is_waiting()
        a:is_down()
        t.expect(second):is_error "10.0.0.1:11211"
        t.expect(app:get "k"):is_error "10.0.0.1:11211"
    end)

    t.it("makes a miss of what is too much, or asks another route", function()
        for _, over_it in ipairs { '"miss"', "b" } do
            local app, a, b = over(("mg.outstanding_limit { a, 1, over = %s }"):format(over_it))
            a:is_slow(0.1)
            b:put("k", "x")
            app:begin "get k"
            t.expect(app:client():begin("get k").value):equals(over_it == "b" and "x" or nil)
            t.expect(app:client():begin("get k").kind):equals(over_it == "b" and "hit" or "miss")
        end
    end)

    t.it("is an error after which another route is asked", function()
        for _, how in ipairs { "", 'over = "error"' } do
            local app, a, b = over(('mg.failover { mg.outstanding_limit { a, 1, %s }, b, on = "busy" }'):format(how))
            a:is_slow(0.1)
            b:put("k", "x")
            app:begin "get k"
            t.expect(app:client():begin "get k"):is_hit "x"
        end
    end)
end)

t.describe("delay", function()
    t.it("asks later", function()
        local app = over "mg.delay { a, 0.1 }"
        local reply = app:begin "get k"
        t.advance(0.099)
        t.expect(sent(app)):equals {}
        t.advance(0.002)
        t.expect(sent(app)):equals { "a get k" }
        t.expect(reply):is_miss()
        t.expect(reply):took(0.1)
    end)

    t.it("answers later, as well", function()
        local app, a = over "mg.delay { a, before = 0.1, after = 0.2 }"
        a:put("k", "value")
        local reply = app:begin "get k"
        t.advance(0.1)
        t.expect(sent(app)):equals { "a get k" }
        t.expect(reply):is_waiting()
        t.advance(0.2)
        t.expect(reply):is "VALUE k 0 5\r\nvalue\r\nEND\r\n"
        t.expect(reply):took(0.3)
    end)

    t.it("tells an error as late as anything, and what a slow server takes comes on top", function()
        local app, a = over "mg.delay { a, before = 0.1, after = 0.2 }"
        a:errs "broken"
        local reply = app:get "k"
        t.expect(reply):is_error "broken"
        t.expect(reply):took(0.3)
        a:is_silent()
        reply = app:get "k"
        t.expect(reply):is_error "timeout"
        t.expect(reply):took(0.5)
    end)
end)

t.describe("shadow", function()
    t.it("sends everything to the second too, and drops what that answers", function()
        local app, a, b = over "mg.shadow { a, to = b, share = 1 }"
        a:put("k", "from a")
        b:put("k", "from b")
        t.expect(app:get "k"):is_hit "from a"
        t.expect(app:set("n", "5")):is "STORED\r\n"
        t.expect(app:incr "n"):is_hit "6"
        t.expect(b:value "n"):equals "6"
        b:errs "broken"
        t.expect(app:get "k"):is_hit "from a"
        a:errs "at a"
        t.expect(app:get "k"):is_error "at a"
    end)

    t.it("never waits for the second", function()
        local app, a, b = over "mg.shadow { a, to = b, share = 1 }"
        for _, how in ipairs { "is_silent", "is_down" } do
            b[how](b)
            local reply = app:set("k", "x")
            t.expect(reply):is "STORED\r\n"
            t.expect(reply):took(0)
        end
        a:is_slow(0.1)
        t.expect(app:get "k"):took(0.1)
    end)

    t.it("takes a share of the requests", function()
        local app = over "mg.shadow { a, to = b, share = 0.25 }"
        for _ = 1, 400 do app:get "k" end
        local _, to_b = who(app):gsub("b", "")
        t.expect(to_b > 70 and to_b < 130):equals(true)
    end)

    t.it("takes a share of the keys, always the same ones", function()
        local app, _, b = over "mg.shadow { a, to = b, keys = 0.5 }"
        local again, _, rest = over "mg.shadow { a, to = b, keys = { 0.5, 1 } }"
        local n = 0
        for i = 1, 200 do
            local key = "k" .. i
            app:set(key, "x")
            again:set(key, "x")
            local is_there = b:value(key) ~= nil
            t.expect(rest:value(key) ~= nil):equals(not is_there)
            n = n + (is_there and 1 or 0)
            b:forgets()
            app:set(key, "x")
            t.expect(b:value(key) ~= nil):equals(is_there)
        end
        t.expect(n > 70 and n < 130):equals(true)
    end)

    t.it("leaves out what is too much for the second", function()
        local app, _, b = over "mg.shadow { a, to = b, share = 1, most = 2 }"
        b:is_silent()
        for i = 1, 4 do
            t.expect(app:get "k"):is_miss()
            t.expect(three.whom(app)):equals(i <= 2 and "ab" or "a")
        end
        t.advance(0.3)
        app:get "k"
        t.expect(three.whom(app)):equals "ab"
    end)
end)

t.describe("log_requests", function()
    t.it("stands before its route for a share of the requests", function()
        t.expect((over "mg.log_requests { a }"):explain("get k").route):equals "log_requests(pool a) -> pool a"
        t.expect((over "mg.log_requests { a, share = 0 }"):explain("get k").route)
            :equals "log_requests(pool a, log_requests) -> pool a"
    end)

    t.it("changes nothing in what is asked and answered", function()
        for _, share in ipairs { "1", "0.5" } do
            local app, a = over(("mg.log_requests { a, share = %s, per_second = 2 }"):format(share))
            t.expect(app:set("k", "value", 7, 60)):is "STORED\r\n"
            for _ = 1, 10 do t.expect(app:get("k", "none", "k").items):equals {
                { key = "k", flags = 7, value = "value" }, { key = "k", flags = 7, value = "value" } } end
            t.expect(app:ask "mg none v"):is "EN\r\n"
            t.expect(sent(app)[1]):equals "a set k 7 60 5"
            a:is_silent()
            local reply = app:get "k"
            t.expect(reply):is_error "timeout"
            t.expect(reply):took(0.2)
        end
    end)
end)
