--- mg.store: a route like others: alone, below policies and functions, and beside servers.
local t = require "moongate.test"
local three = require "three"

local over, sent = three.over, three.sent

local STORE = "mg.store { size = '1m', name = 's' }"
local TWO = "mg.store { size = '1m', name = 't' }"

t.describe("a store", function()
    t.it("keeps items until their time is over, and asks no server", function()
        local app = over(STORE)
        app:set("k", "value", 7, 60)
        t.expect(app:get "k"):is "VALUE k 7 5\r\nvalue\r\nEND\r\n"
        t.expect(app:ask "mg k v t c"):is "VA 5 t60 c1\r\nvalue\r\n"
        t.advance(59)
        t.expect(app:get "k"):is_hit "value"
        t.advance(2)
        t.expect(app:get "k"):is_miss()
        t.expect(sent(app)):equals {}
    end)

    t.it("is asked by a function that waits, which sees its answer as a server's", function()
        local app = over([[(function()
            local s, other = ]] .. STORE .. ", " .. TWO .. [[

            return mg.async(function(req)
                if req.command ~= "get" then return req:has_prefix "other" and other or s end
                local list = mg.call_all({ s, other }, mg.request.get "other")
                local res = mg.call(s, req)
                if not res:is_miss() or not list[2]:is_hit() then return res end
                mg.spawn(s, mg.request.set(req.key, list[2].value .. "!", list[2].flags, 60))
                return list[2]
            end)
        end)()]])
        t.expect(app:get "k"):is_miss()
        app:set("other", "value", 3)
        t.expect(app:ask "get k"):is "VALUE k 3 5\r\nvalue\r\nEND\r\n"
        t.expect(app:ask "get k"):is "VALUE k 3 6\r\nvalue!\r\nEND\r\n"
    end)

    t.it("is a level of a cache, near or far", function()
        local app, a = over("mg.l1_l2 { " .. STORE .. ", a, exptime = 60 }")
        a:put("k", "value", 7)
        for _ = 1, 3 do t.expect(app:get "k"):is "VALUE k 7 5\r\nvalue\r\nEND\r\n" end
        t.expect(sent(app)):equals { "a get k" }
        app:set("k", "new")
        t.expect(app:get "k"):is_hit "new"
        app = over("mg.l1_l2 { a, " .. STORE .. ", exptime = 60 }")
        app:set("k", "value")
        t.expect(app:get "k"):is_hit "value"
        app:delete "k"
        t.expect(app:get "k"):is_miss()
    end)

    t.it("takes the place of a server that is down", function()
        local app, a = over("mg.failover { a, " .. STORE .. " }")
        a:is_down()
        app:set("k", "value")
        t.expect(app:get "k"):is_hit "value"
        a:is_up()
        t.advance(10)
        t.expect(app:get "k"):is_miss()
    end)

    t.it("compares a cas that it has given, and no other", function()
        local app = over("mg.failover { " .. STORE .. ", " .. TWO .. ", on = 'miss' }")
        app:set("k", "value")
        t.expect(app:ask "gets k"):is "VALUE k 0 5 1\r\nvalue\r\nEND\r\n"
        t.expect(app:ask("cas k 0 0 1 2", "x")):is "EXISTS\r\n"
        t.expect(app:ask("cas k 0 0 1 1", "x")):is "STORED\r\n"
    end)

    t.it("answers gets that came together, each by itself", function()
        local app = over("mg.coalesce { " .. STORE .. " }")
        app:set("k", "value")
        t.expect(app:ask "get k k n k"):is(("VALUE k 0 5\r\nvalue\r\n"):rep(3) .. "END\r\n")
    end)
end)
