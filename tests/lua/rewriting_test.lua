--- Policies that send a request on with another key or another time.
local t = require "moongate.test"
local three = require "three"

local over, sent, who = three.over, three.sent, three.who

local DAY = 24 * 3600

-- What requests become: a list of { what the client sends, what the server gets [, value] }.
local function expect_sent(app, requests)
    for _, request in ipairs(requests) do
        app:ask(request[1], request[3])
        t.expect(request[1] .. " -> " .. table.concat(sent(app), ", ")):equals(request[1] .. " -> a " .. request[2])
    end
end

t.describe("modify_key", function()
    t.it("puts something before every key, or before those that do not begin so", function()
        expect_sent(over 'mg.modify_key { a, add = "v2:" }', {
            { "get k", "get v2:k" }, { "get v2:k", "get v2:v2:k" }, { "set k 1 2 1", "set v2:k 1 2 1", "x" },
            { "delete k", "delete v2:k" }, { "mg k v", "mg v2:k v" }, { "touch k 5", "touch v2:k 5" },
        })
        expect_sent(over 'mg.modify_key { a, ensure = "v2:" }', {
            { "get k", "get v2:k" }, { "get v2:k", "get v2:k" }, { "get v2", "get v2:v2" },
        })
    end)

    t.it("takes away or replaces what a key begins with", function()
        expect_sent(over 'mg.modify_key { a, strip = "v1:" }', {
            { "get v1:k", "get k" }, { "get k", "get k" }, { "get xv1:k", "get xv1:k" }, { "get v1:v1:k", "get v1:k" },
        })
        expect_sent(over 'mg.modify_key { a, replace = { "user:", "u" } }', {
            { "get user:1", "get u1" }, { "get users:1", "get users:1" }, { "get user:", "get u" },
        })
    end)

    t.it("puts something behind, also beside one of the others", function()
        expect_sent(over 'mg.modify_key { a, suffix = ":x" }', { { "get k", "get k:x" } })
        expect_sent(over 'mg.modify_key { a, suffix = ":x", strip = "v1:" }', {
            { "get v1:k", "get k:x" }, { "get k", "get k:x" },
        })
    end)

    t.it("shows clients their own keys", function()
        local app, a = over 'mg.modify_key { a, add = "v2:" }'
        a:put("v2:x", "1"):put("v2:y", "2"):put("x", "wrong")
        t.expect(app:get("x", "none", "y")):is "VALUE x 0 1\r\n1\r\nVALUE y 0 1\r\n2\r\nEND\r\n"
        t.expect(app:ask "mg x v k"):is "VA 1 kx\r\n1\r\n"
    end)

    t.it("is an error of the request when the key becomes too long, or nothing", function()
        local app = over 'mg.modify_key { a, replace = { "k", "long" } }'
        local most = ("k"):rep(247)
        t.expect(app:get(most)):is_miss()
        t.expect(app:get(most .. "k")):is_error "the key that a policy made is empty or too long"
        t.expect(who(app)):equals "a"
        t.expect((over 'mg.modify_key { a, strip = "k" }'):get "k"):is_error "empty or too long"
    end)

    t.it("tells its route's error", function()
        local app, a = over 'mg.modify_key { a, add = "v2:" }'
        a:is_silent()
        local reply = app:get "k"
        t.expect(reply):is_error "10.0.0.1:11211"
        t.expect(reply):took(0.2)
    end)
end)

t.describe("set_ttl", function()
    t.it("gives every time that a client sets its own", function()
        expect_sent(over "mg.set_ttl { a, 60 }", {
            { "set k 7 0 1", "set k 7 60 1", "x" }, { "add k 0 5 1", "add k 0 60 1", "x" },
            { "replace k 0 600 1", "replace k 0 60 1", "x" }, { "cas k 0 0 1 9", "cas k 0 60 1 9", "x" },
            { "touch k 0", "touch k 60" }, { "gat 600 k", "gat 60 k" }, { "gats 1 k", "gats 60 k" },
            { "ms k 1", "ms k 1 T60", "x" }, { "ms k 1 T5", "ms k 1 T60", "x" }, { "mg k T5", "mg k T60" },
        })
        expect_sent(over "mg.set_ttl { a, 0 }", { { "set k 0 60 1", "set k 0 0 1", "x" }, { "mg k T5", "mg k T0" } })
    end)

    t.it("leaves commands without a time as they are, and lets die what is to die", function()
        expect_sent(over "mg.set_ttl { a, 60 }", {
            { "get k", "get k" }, { "delete k", "delete k" }, { "incr k 1", "incr k 1" }, { "mg k v", "mg k v" },
            { "md k", "md k" }, { "ma k", "ma k" }, { "set k 0 -1 1", "set k 0 -1 1", "x" },
            { "touch k -1", "touch k -1" },
        })
    end)

    t.it("holds for dates, but not for those that are over", function()
        local app = over "mg.set_ttl { a, 60 }"
        local date = math.floor(t.now()) + 100
        local line = ("touch k %.0f"):format(date)
        expect_sent(app, { { line, "touch k 60" } })
        t.advance(99)
        expect_sent(app, { { line, "touch k 60" } })
        t.advance(2)
        expect_sent(app, { { line, line } })
    end)

    t.it("tells its route's error", function()
        local app, a = over "mg.set_ttl { a, 60 }"
        a:is_down()
        t.expect(app:set("k", "x")):is_error "10.0.0.1:11211"
    end)
end)

t.describe("cap_ttl", function()
    t.it("shortens what is longer, or for ever", function()
        expect_sent(over "mg.cap_ttl { a, 60 }", {
            { "set k 0 0 1", "set k 0 60 1", "x" }, { "set k 0 61 1", "set k 0 60 1", "x" },
            { "set k 0 60 1", "set k 0 60 1", "x" }, { "set k 0 59 1", "set k 0 59 1", "x" },
            { "set k 0 -1 1", "set k 0 -1 1", "x" }, { "gat 600 k", "gat 60 k" }, { "touch k 5", "touch k 5" },
            { "ms k 1", "ms k 1 T60", "x" }, { "ms k 1 T5", "ms k 1 T5", "x" }, { "mg k T0", "mg k T60" },
            { "mg k v", "mg k v" }, { "get k", "get k" },
        })
    end)

    t.it("holds for what mg and ma make where nothing is", function()
        expect_sent(over "mg.cap_ttl { a, 60 }", {
            { "mg k N0 v", "mg k v N60" }, { "mg k v N90", "mg k v N60" }, { "mg k N30 v", "mg k N30 v" },
            { "ma k N0 J5 T90", "ma k J5 T60 N60" }, { "ma k N-1", "ma k N-1" }, { "mg k N0", "mg k N60" },
            { "mg k N0 q k O1", "mg k k O1 N60" }, { "mg k N v", "mg k N v" },
        })
        expect_sent(over "mg.set_ttl { a, 60 }", { { "mg k N5 v", "mg k v N60" }, { "ma k N0", "ma k N60" } })
        local app, a = over "mg.cap_ttl { a, 60 }"
        t.expect(app:ask "ma n N0 J5 v"):is "VA 1\r\n5\r\n"
        t.expect(a:item("n").ttl):equals(60)
    end)

    t.it("knows how far off a date is", function()
        local app = over "mg.cap_ttl { a, 60 }"
        local date = math.floor(t.now()) + 100
        local line = ("touch k %.0f"):format(date)
        expect_sent(app, { { line, "touch k 60" } })
        t.advance(39)
        expect_sent(app, { { line, "touch k 60" } })
        t.advance(2)
        expect_sent(app, { { line, line } })
        t.advance(100)
        expect_sent(app, { { line, line } })
    end)

    t.it("lets a key live no longer than that", function()
        local app, a = over "mg.cap_ttl { a, 60 }"
        app:set("k", "x", 0, 3 * DAY)
        t.advance(59)
        t.expect(app:get "k"):is_hit "x"
        t.advance(1)
        t.expect(app:get "k"):is_miss()
        a:errs "full"
        t.expect(app:set("k", "x")):is_error "full"
    end)
end)

t.describe("failover_with_exptime", function()
    t.it("leaves the first route's times alone", function()
        local app = over "mg.failover_with_exptime { a, b, 30 }"
        expect_sent(app, { { "set k 0 600 1", "set k 0 600 1", "x" }, { "get none", "get none" } })
    end)

    t.it("keeps keys for a short while in the second", function()
        local app, a, b = over "mg.failover_with_exptime { a, b, 30 }"
        a:is_down()
        t.expect(app:set("k", "x", 0, 600)):is "STORED\r\n"
        t.expect(sent(app)):equals { "b set k 0 30 1" }
        t.expect(app:get "k"):is_hit "x"
        t.advance(30)
        t.expect(app:get "k"):is_miss()
        b:errs "full"
        t.expect(app:set("k", "x")):is_error "full"
    end)

    t.it("takes 60 seconds when none are given, and the second route's answer within its own time", function()
        local app, a = over "mg.failover_with_exptime { a, b }"
        a:is_silent()
        local reply = app:set("k", "x")
        t.expect(reply):is "STORED\r\n"
        t.expect(reply):took(0.2)
        t.expect(sent(app)):equals { "a set k 0 0 1", "b set k 0 60 1" }
    end)

    t.it("asks the second after what it is told, and no more often", function()
        local app, a, b = over 'mg.failover_with_exptime { a, b, on = "miss" }'
        b:put("k", "x")
        t.expect(app:get "k"):is_hit "x"
        a:errs "broken"
        t.expect(app:get "k"):is_error "broken"
        app, a = over "mg.failover_with_exptime { a, b, share = 0 }"
        a:errs "broken"
        t.expect(app:get "k"):is_error "broken"
        t.expect(who(app)):equals "a"
    end)
end)
