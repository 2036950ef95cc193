--- mg.near: reads from copies in a store.
local t = require "moongate.test"
local three = require "three"

local over, sent, who = three.over, three.sent, three.who

local STORE = "mg.store { size = '1m', name = 'near' }"

local function near(options, route)
    return over(("mg.near { %s, %s, ttl = 10%s }"):format(STORE, route or "a", options or ""))
end

t.describe("near", function()
    t.it("answers a get from the copy for as long as it lives", function()
        local app, a = near()
        a:put("k", "value", 7)
        t.expect(app:get "k"):is "VALUE k 7 5\r\nvalue\r\nEND\r\n"
        a:put("k", "newer")
        t.advance(9.9)
        t.expect(app:get "k"):is "VALUE k 7 5\r\nvalue\r\nEND\r\n"
        t.expect(sent(app)):equals { "a get k" }
        t.advance(0.2)
        t.expect(app:get "k"):is_hit "newer"
        t.expect(sent(app)):equals { "a get k" }
    end)

    t.it("takes fractions of a second", function()
        local app, a = over("mg.near { " .. STORE .. ", a, ttl = 0.05 }")
        a:put("k", "1")
        app:get "k"
        a:put("k", "2")
        t.advance(0.04)
        t.expect(app:get "k"):is_hit "1"
        t.advance(0.02)
        t.expect(app:get "k"):is_hit "2"
    end)

    t.it("forgets a key that is written, by whatever command and way", function()
        local writes = { "incr k 1", "touch k 0", "gat 0 k", "gats 0 k", "delete k", "mg k v T60", "mg k v N60", "md k",
                         "ma k", ["set k 0 0 1"] = "6", ["add k 0 0 1"] = "6", ["replace k 0 0 1"] = "6",
                         ["append k 0 0 1"] = "6", ["ms k 1"] = "6" }
        local ways = { "mg.near { %s, a, ttl = 10 }",
                       "mg.by_command { get = mg.near { %s, a, ttl = 10 }, default = a }" }
        for at, write in pairs(writes) do
            for _, way in ipairs(ways) do
                local app, a = over(way:format(STORE))
                a:put("k", "5")
                app:get "k"
                app:forget()
                app:get "k"
                t.expect(who(app)):equals ""
                if type(at) == "string" then app:ask(at, write) else app:ask(write) end
                app:forget()
                app:get "k"
                t.expect(who(app)):equals "a"
            end
        end
    end)

    t.it("forgets all keys when the time of a flush_all has come", function()
        for _, is_date in ipairs { false, true } do
            local app, a = near()
            app:ask("flush_all " .. (is_date and os.time() or 0) + 5)
            a:put("k", "old")
            t.expect(app:get "k"):is_hit "old"
            app:forget()
            t.advance(6.5)
            app:get "k"
            t.expect(who(app)):equals "a"
        end
    end)

    t.it("answers mg from what an mg has found, with the flags that a copy has", function()
        local app, a = near()
        a:put("k", "value", 7)
        app:get "k"
        t.expect(app:ask "mg k v f"):is "VA 5 f7\r\nvalue\r\n"
        t.expect(sent(app)):equals { "a get k", "a mg k v f" }
        a:put("k", "newer")
        t.expect(app:ask "mg k v f"):is "VA 5 f7\r\nvalue\r\n"
        t.expect(app:ask "mg k s f k O1 v"):is "VA 5 s5 f7 kk O1\r\nvalue\r\n"
        t.expect(app:ask "mg aw== b k f"):is "HD kaw== b f7\r\n"
        t.expect(app:ask "mg k"):is "HD\r\n"
        t.expect(app:get "k"):is_hit "value"
        t.expect(sent(app)):equals {}
        app:ask "mg k v c"
        app:ask "mg k v t"
        app:ask "mg k v f h"
        app:ask "gets k"
        t.expect(who(app)):equals "aaaa"
    end)

    t.it("keeps no copy longer than mg says that the item lives", function()
        local app, a = near()
        a:put("k", "value", 0, 5)
        app:ask "mg k v f t"
        t.expect(app:ask "mg k v f"):is "VA 5 f0\r\nvalue\r\n"
        t.advance(4.5)
        app:forget()
        app:ask "mg k v f"
        t.expect(who(app)):equals "a"
    end)

    t.it("copies no empty item, as mg with N makes it", function()
        local app = near()
        app:ask "mg k v N60"
        app:forget()
        app:ask "mg k v f"
        app:ask "mg k v f"
        app:get "k"
        t.expect(who(app)):equals "aaa"
    end)

    t.it("copies with only = \"hot\" the keys that are", function()
        local app, a = near(", only = 'hot', share = 0.1")
        for key, copied in pairs { hot = true, warm = false, cold = false } do
            a:put(key, "1")
            if key ~= "cold" then app:heat(key, key == "hot" and 0.2 or 0.05) end
            app:get(key)
            app:forget()
            app:get(key)
            t.expect(who(app)):equals(copied and "" or "a")
        end
    end)

    t.it("keeps the copies of routes over one store apart", function()
        local app, a, b = over(([[(function()
            local store = %s
            return mg.by_command { get = mg.near { store, a, ttl = 10 }, mg = mg.near { store, b, ttl = 10 },
                gets = store, default = store }
        end)()]]):format(STORE))
        a:put("k", "of a")
        b:put("k", "of b")
        app:set("k", "of the store")
        for _ = 1, 2 do
            t.expect(app:get "k"):is_hit "of a"
            t.expect(app:ask "mg k v f"):is "VA 4 f0\r\nof b\r\n"
        end
        t.expect(who(app)):equals "ab"
        t.expect(app:ask "gets k".value):equals "of the store"
    end)

    t.it("is a plain route for keys that are too long to be copied, and for values that are", function()
        local app, a = over "mg.near { mg.store { size = '64k', name = 'near' }, a, ttl = 10 }"
        local key, long = ("k"):rep(243), ("v"):rep(60000)
        a:put(key, "1")
        a:put("long", long)
        for _ = 1, 2 do
            t.expect(app:get(key)):is_hit "1"
            t.expect(app:get "long".value == long):equals(true)
        end
        t.expect(who(app)):equals "aaaa"
    end)

    t.it("works over a policy and a function, and below one", function()
        local routes = { "mg.failover { a, b }", "function() return a end",
                         "mg.async(function(req) return mg.call(a, req) end)" }
        local forms = { "%s", "mg.failover { %s, b }", "mg.coalesce { %s }",
                        "(function() local r = %s return function() return r end end)()" }
        for _, route in ipairs(routes) do
            for _, form in ipairs(forms) do
                local app, a = over(form:format(("mg.near { %s, %s, ttl = 10 }"):format(STORE, route)))
                a:put("k", "1")
                t.expect(app:get "k"):is_hit "1"
                a:put("k", "2")
                t.expect(app:get "k"):is_hit "1"
                t.expect(app:ask "get k none k"):is "VALUE k 0 1\r\n1\r\nVALUE k 0 1\r\n1\r\nEND\r\n"
            end
        end
    end)
end)
