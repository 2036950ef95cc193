--- Policies that make fewer or more calls than there are requests: coalesce, hedge, negative_cache.
local t = require "moongate.test"
local three = require "three"

local over, sent, who, whom = three.over, three.sent, three.who, three.whom

-- So many clients ask the same at once; their replies.
local function ask_at_once(app, n, line)
    local replies = {}
    for i = 1, n do replies[i] = app:client():begin(line) end
    return replies
end

t.describe("coalesce", function()
    t.it("makes one call of equal gets in flight", function()
        local app, a = over "mg.coalesce { a }"
        a:put("k", "value", 7):is_slow(0.1)
        local replies = ask_at_once(app, 5, "get k")
        t.expect(sent(app)):equals { "a get k" }
        t.advance(0.1)
        for _, reply in ipairs(replies) do
            t.expect(reply):is "VALUE k 7 5\r\nvalue\r\nEND\r\n"
            t.expect(reply):took(0.1)
        end
        t.expect(app:get "k"):is_hit "value"
        t.expect(sent(app)):equals { "a get k" }
    end)

    t.it("tells all of them an error, or that nothing came", function()
        local app, a = over "mg.coalesce { a }"
        a:is_silent()
        local replies = ask_at_once(app, 3, "get k")
        t.advance(0.2)
        for _, reply in ipairs(replies) do t.expect(reply):is_error "timeout" end
        replies = ask_at_once(app, 3, "get k")
        a:is_down()
        for _, reply in ipairs(replies) do t.expect(reply):is_error "10.0.0.1:11211" end
        t.expect(who(app)):equals "aa"
    end)

    t.it("shares neither other keys nor what else is asked", function()
        local app, a = over "mg.coalesce { a }"
        a:is_slow(0.1)
        for _, line in ipairs { "get k", "get other", "gets k", "mg k v", "mg k v", "touch k 5", "touch k 5" } do
            app:client():begin(line)
        end
        t.expect(#sent(app)):equals(7)
    end)

    t.it("gives a get behind a write what is there since", function()
        for _, write in ipairs { { "set k 0 0 3", "new" }, { "delete k" }, { "touch k -1" } } do
            local app, a = over "mg.coalesce { a }"
            a:put("k", "old"):is_slow(0.1)
            local before = app:client():begin "get k"
            app:client():begin(write[1], write[2])
            local behind = ask_at_once(app, 2, "get k")
            t.expect(sent(app)):equals { "a get k", "a " .. write[1], "a get k" }
            t.advance(0.1)
            t.expect(before.is_whole):equals(true)
            for _, reply in ipairs(behind) do
                t.expect(reply.value):equals(write[2])
                t.expect(reply.kind):equals(write[2] and "hit" or "miss")
            end
        end
    end)

    t.it("answers the others when the client that came first goes away", function()
        local app, a = over "mg.coalesce { a }"
        a:put("k", "value"):is_slow(0.1)
        local first = app:client()
        first:begin "get k"
        local second = app:client():begin "get k"
        first:hang_up()
        t.advance(0.1)
        t.expect(second):is_hit "value"
        t.expect(sent(app)):equals { "a get k" }
    end)
end)

t.describe("hedge", function()
    t.it("asks the second after a while, and takes what comes first", function()
        local app, a, b = over "mg.hedge { a, b, most = 0.05 }"
        a:put("k", "from a"):is_slow(0.1)
        b:put("k", "from b")
        local reply = app:get "k"
        t.expect(reply):is_hit "from b"
        t.expect(reply):took(0.05)
        b:is_slow(0.08)
        reply = app:get "k"
        t.expect(reply):is_hit "from a"
        t.expect(reply):took(0.1)
        t.expect(whom(app)):equals "aabb"
    end)

    t.it("waits 0.25 s at most, when nothing else is said and nothing known", function()
        local app, _, _, c = over "mg.hedge { c, b }"
        c:is_silent()
        t.expect(app:get "k"):took(0.25)
    end)

    t.it("learns how long the first takes", function()
        local app, a = over "mg.hedge { a, b, percentile = 0.5, least = 0.002 }"
        for _ = 1, 20 do app:get "k" end
        t.expect(who(app)):equals(("a"):rep(20))
        a:is_slow(0.1)
        t.expect(app:get "k"):took(0.002)
        t.advance(1)
        for _ = 1, 60 do
            app:get "k"
            t.advance(1)
        end
        local reply = app:get "k"
        t.expect(reply.seconds > 0.09):equals(true)
    end)

    t.it("waits no longer than it may, whatever it has learned", function()
        local app, a = over "mg.hedge { a, b, most = 0.05 }"
        a:is_slow(0.15)
        for _ = 1, 10 do
            t.expect(app:get "k"):took(0.05)
            t.advance(1)
        end
    end)

    t.it("learns from a share of the times", function()
        for _, percentile in ipairs { 0.5, 0.9 } do
            local app, a = over(("mg.hedge { a, b, percentile = %g, least = 0.001 }"):format(percentile))
            for i = 1, 40 do
                a:is_slow(i % 5 < 2 and 0.1 or 0)
                app:get "k"
                t.advance(1)
            end
            a:is_silent()
            local reply = app:get "k"
            t.expect(reply.seconds > 0.09):equals(percentile == 0.9)
        end
    end)

    t.it("asks the second at once when the first errs", function()
        local app, a, b = over "mg.hedge { a, b }"
        b:put("k", "from b")
        for _, how in ipairs { "errs", "is_down" } do
            a[how](a)
            local reply = app:get "k"
            t.expect(reply):is_hit "from b"
            t.expect(reply):took(0)
        end
        b:errs "at b"
        t.expect(app:get "k"):is_error "at b"
    end)

    t.it("tells the first's answer when the second errs", function()
        local app, a, b = over "mg.hedge { a, b, most = 0.05 }"
        a:put("k", "from a"):is_slow(0.1)
        b:errs "at b"
        local reply = app:get "k"
        t.expect(reply):is_hit "from a"
        t.expect(reply):took(0.1)
        a:is_silent()
        reply = app:get "k"
        t.expect(reply):is_error "timeout"
        t.expect(reply):took(0.2)
    end)

    t.it("asks the first alone for what writes, or tells a cas id", function()
        local app, a = over "mg.hedge { a, b, most = 0.01 }"
        a:is_slow(0.1)
        for _, line in ipairs { "gets k", "gat 5 k", "delete k", "incr k 1", "mg k v c", "mg k v T5", "mg k N5 v" } do
            app:ask(line)
            t.expect(line .. " " .. whom(app)):equals(line .. " a")
        end
        app:set("k", "x")
        a:errs "broken"
        t.expect(app:set("k", "x")):is_error "broken"
        t.expect(who(app)):equals "aa"
        app:ask "mg k v t f"
        t.expect(whom(app)):equals "ab"
    end)
end)

t.describe("negative_cache", function()
    t.it("remembers for a while what is not there", function()
        local app, a = over "mg.negative_cache { a, 0.5 }"
        t.expect(app:get "k"):is_miss()
        a:put("k", "value")
        t.advance(0.49)
        t.expect(app:get("k", "k")):is "END\r\n"
        t.expect(app:ask "mg k v"):is "EN\r\n"
        t.expect(sent(app)):equals { "a get k" }
        t.advance(0.02)
        t.expect(app:get "k"):is_hit "value"
    end)

    t.it("remembers for 50 ms when nothing else is said, and what it has found not at all", function()
        local app, a = over "mg.negative_cache { a }"
        app:get "k"
        t.advance(0.049)
        app:get "k"
        t.expect(who(app)):equals "a"
        t.advance(0.002)
        app:get "k"
        a:put("k", "value")
        t.advance(0.1)
        app:get "k"
        app:get "k"
        t.expect(who(app)):equals "aaa"
    end)

    t.it("forgets a key that is written through it", function()
        for _, line in ipairs { "set k 0 0 1", "add k 0 0 1", "ms k 1" } do
            local app = over "mg.negative_cache { a, 60 }"
            app:get "k"
            t.expect(app:ask(line, "x")):is_hit()
            t.expect(app:get "k"):is_hit "x"
        end
        local app, a = over "mg.negative_cache { a, 60 }"
        app:get "k"
        a:put("k", "5")
        t.expect(app:get "k"):is_miss()
        t.expect(app:incr "k"):is_hit "6"
        t.expect(app:get "k"):is_hit "6"
    end)

    t.it("remembers no miss from before a write that is not over", function()
        local app, a, b = over "mg.negative_cache { mg.by_command { get = a, default = b }, 60 }"
        a:is_slow(0.15)
        b:is_slow(0.1)
        local early = app:client():begin "get k"
        app:client():begin("set k 0 0 1", "x")
        t.advance(0.15)
        t.expect(early):is_miss()
        a:is_up():put("k", "x")
        t.expect(app:get "k"):is_hit "x"
    end)

    t.it("remembers no error", function()
        local app, a = over "mg.negative_cache { a, 60 }"
        a:errs "broken"
        t.expect(app:get "k"):is_error "broken"
        a:is_silent()
        t.expect(app:get "k"):is_error "timeout"
        a:is_down()
        t.expect(app:get "k"):is_error "10.0.0.1:11211"
        a:is_up():put("k", "value")
        t.advance(30)
        t.expect(app:get "k"):is_hit "value"
    end)

    t.it("remembers so many keys", function()
        local app = over "mg.negative_cache { a, ttl = 60, keys = 40 }"
        for _ = 1, 2 do
            for i = 1, 200 do app:get("k" .. i) end
        end
        local asked = #sent(app)
        t.expect(asked >= 360 and asked <= 400):equals(true)
        for _ = 1, 9 do app:get "k200" end
        t.expect(who(app)):equals ""
    end)
end)
