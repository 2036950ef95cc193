--- Policies that move keys from one pool to another: warm_up, migrate.
local t = require "moongate.test"
local three = require "three"

local over, sent, who = three.over, three.sent, three.who

local DAY = 24 * 3600

-- Here a is the new pool and b the old one.
t.describe("warm_up", function()
    t.it("finds in the old pool what the new one does not have, and puts it there for nearly as long", function()
        local app, a, b = over "mg.warm_up { a, b }"
        b:put("k", "value", 7, 200)
        t.advance(50)
        t.expect(app:get "k"):is "VALUE k 7 5\r\nvalue\r\nEND\r\n"
        t.expect(sent(app)):equals { "a get k", "b get k", "b mg k t", "a add k 7 148 5" }
        t.expect(app:get "k"):is_hit "value"
        t.expect(sent(app)):equals { "a get k" }
        t.advance(147)
        t.expect(a:value "k"):equals "value"
        t.advance(1)
        t.expect(a:value "k"):equals(nil)
        t.expect(app:get "k"):is_hit "value"
        t.expect(a:value "k"):equals(nil)
        t.advance(2)
        t.expect(app:get "k"):is_miss()
    end)

    t.it("puts there for ever what lives for ever, and until its day what lives for more than 30 days", function()
        local app, _, b = over "mg.warm_up { a, b }"
        local ends = math.floor(t.now()) + 40 * DAY
        b:put("ever", "x"):put("long", "x", 0, ends)
        t.advance(5 * DAY)
        app:get "ever"
        app:get "long"
        local all = sent(app)
        t.expect(all[4]):equals "a add ever 0 0 1"
        t.expect(all[8]):equals(("a add long 0 %d 1"):format(ends - 2))
    end)

    t.it("puts it there for so many seconds with exptime, and over nothing that is there by then", function()
        local app, a, b = over "mg.warm_up { a, b, exptime = 60 }"
        b:put("k", "value"):is_slow(0.1)
        local reply = app:begin "get k"
        a:put("k", "newer")
        t.advance(0.1)
        t.expect(reply):is_hit "value"
        t.expect(sent(app)):equals { "a get k", "b get k", "a add k 0 60 5" }
        t.expect(a:value "k"):equals "newer"
    end)

    t.it("misses what neither has, and puts nothing there that is as good as gone", function()
        local app, _, b = over "mg.warm_up { a, b }"
        t.expect(app:get "none"):is_miss()
        t.expect(sent(app)):equals { "a get none", "b get none" }
        for _, left in ipairs { "EN", "HD t0", "HD", "SERVER_ERROR busy" } do
            b:is_up():put("k", "x"):is_slow(0.1)
            local reply = app:begin "get k"
            b:answers(left)
            t.advance(0.1)
            t.expect(reply):is_hit "x"
            t.expect(sent(app)):equals { "a get k", "b get k", "b mg k t" }
        end
    end)

    t.it("answers gets from the old pool while the new one errs or says nothing", function()
        local app, a, b = over "mg.warm_up { a, b, exptime = 60 }"
        b:put("k", "value")
        a:is_silent()
        local reply = app:get "k"
        t.expect(reply):is_hit "value"
        t.expect(reply):took(0.2)
        a:is_down()
        reply = app:get "k"
        t.expect(reply):is_hit "value"
        t.expect(reply):took(0)
        t.expect(app:set("k", "x")):is_error "10.0.0.1:11211"
        t.expect(app:gets "k"):is_error "10.0.0.1:11211"
        t.expect(b:value "k"):equals "value"
    end)

    t.it("tells the old pool's error of a get that the new one misses", function()
        local app, a, b = over "mg.warm_up { a, b }"
        b:is_down()
        t.expect(app:get "k"):is_error "10.0.0.2:11211"
        t.expect(app:gets "k"):is_miss()
        a:put("k", "x")
        t.expect(app:get "k"):is_hit "x"
    end)

    t.it("puts a value into the new pool first, where only that can answer", function()
        local app, a, b = over "mg.warm_up { a, b, exptime = 60 }"
        b:put("k", "value", 7):put("g", "x"):put("m", "x")
        local reply = app:gets "k"
        t.expect(reply.items):equals { { key = "k", value = "value", flags = 7, cas = a:item("k").cas } }
        t.expect(sent(app)):equals { "a gets k", "b get k", "a add k 7 60 5", "a gets k" }
        t.expect(app:cas("k", "new", reply.cas)):is "STORED\r\n"
        app:gat(30, "g")
        t.expect(a:item("g").ttl):equals(30)
        t.expect(app:ask "mg m v t"):is "VA 1 t60\r\nx\r\n"
        t.expect(app:gets "none"):is_miss()
    end)

    t.it("writes to the new pool alone", function()
        local app, _, b = over "mg.warm_up { a, b }"
        b:put("k", "5")
        app:set("n", "1")
        app:incr "k"
        app:delete "k"
        app:touch("k", 5)
        app:ask("ms k 1", "x")
        t.expect(who(app)):equals "aaaaa"
        t.expect(b:value "k"):equals "5"
    end)
end)

-- From a to b, in the 200 seconds behind the hundredth.
local function moving(interval)
    return over(("mg.migrate { a, b, start = %d, interval = %d }"):format(math.floor(t.now()) + 100, interval or 100))
end

-- For each of 60 keys the letter of its server now.
local function places(app)
    app:forget()
    for i = 1, 60 do app:get("k" .. i) end
    return who(app)
end

t.describe("migrate", function()
    t.it("sends all keys to the old route, then one after the other to the new one, then all", function()
        local app = moving()
        local before, moved = ("a"):rep(60), {}
        t.expect(places(app)):equals(before)
        t.advance(99)
        t.expect(places(app)):equals(before)
        for quarter = 1, 4 do
            t.advance(quarter == 4 and 51 or 50)
            local now = places(app)
            for i = 1, 60 do
                local is_back = before:sub(i, i) == "b" and now:sub(i, i) == "a"
                t.expect(is_back):equals(false)
            end
            moved[quarter] = select(2, now:gsub("b", ""))
            before = now
        end
        t.expect(moved[1] > 5 and moved[1] < 25):equals(true)
        t.expect(moved[2] > moved[1] and moved[2] > 20 and moved[2] < 40):equals(true)
        t.expect(moved[3] > moved[2] and moved[3] < 56):equals(true)
        t.expect(moved[4]):equals(60)
    end)

    t.it("moves a key's reads and writes at the same moment", function()
        local app = moving()
        local place = "a"
        t.advance(99)
        while place == "a" do
            t.advance(1)
            app:get "k"
            place = who(app)
            app:set("k", "x")
            app:gets "k"
            app:touch("k", 5)
            app:ask "mg k v"
            t.expect(who(app)):equals(place:rep(4))
        end
        t.expect(t.now() < 1767225600 + 300):equals(true)
    end)

    t.it("deletes in both while keys move, and else in the one that counts", function()
        local app, a, b = moving()
        t.advance(99)
        app:delete "k"
        t.expect(who(app)):equals "a"
        t.advance(2)
        b:put("k", "x")
        t.expect(app:delete "k"):is "DELETED\r\n"
        t.expect(three.whom(app)):equals "ab"
        t.expect(b:value "k"):equals(nil)
        a:put("k", "x")
        t.expect(app:delete "k"):is "DELETED\r\n"
        t.expect(app:delete "k"):is "NOT_FOUND\r\n"
        t.expect(app:ask "md k"):is "NF\r\n"
        app:forget()
        t.advance(200)
        app:delete "k"
        t.expect(who(app)):equals "b"
    end)

    t.it("tells an error of a delete that has not reached both", function()
        local app, a, b = moving()
        t.advance(101)
        a:put("k", "x")
        b:errs "broken"
        t.expect(app:delete "k"):is_error "broken"
        b:is_silent()
        local reply = app:delete "k"
        t.expect(reply):is_error "timeout"
        t.expect(reply):took(0.3)
        b:is_up()
        a:is_down()
        t.expect(app:delete "k"):is_error "10.0.0.1:11211"
    end)

    t.it("tells the error of the route that a key is at, and asks no other", function()
        local app, a, b = moving()
        a:errs "at a"
        b:put("k", "x")
        t.expect(app:get "k"):is_error "at a"
        t.advance(301)
        t.expect(app:get "k"):is_hit "x"
        b:errs "at b"
        t.expect(app:get "k"):is_error "at b"
        t.expect(who(app)):equals "abb"
    end)
end)
