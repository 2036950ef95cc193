--- Requests that belong to one place, where it is a matter of order and time: see the README.
local t = require "moongate.test"
local three = require "three"

local over, sent = three.over, three.sent

local NO_CAS = "9223372036854775807"

t.describe("a cas", function()
    t.it("is compared by the first route of a failover, whatever it answers", function()
        local app, a, b = over "mg.failover { a, b, on = { 'error', 'miss', 'refused' } }"
        b:put("k", "b")
        t.expect(app:cas("k", "v", 1)):is "NOT_FOUND\r\n"
        a:errs "busy"
        t.expect(app:cas("k", "v", 1)):is_error "busy"
        t.expect(app:ask("ms k 1 C1", "v")):is_error "busy"
        t.expect(app:ask "md k C1"):is_error "busy"
        t.expect(sent(app)):equals { "a cas k 0 0 1 1", "a cas k 0 0 1 1", "a ms k 1 C1", "a md k C1" }
        t.expect(app:gets "k"):is(("VALUE k 0 1 %s\r\nb\r\nEND\r\n"):format(NO_CAS))
    end)

    t.it("is compared by the first of all, before the others are asked for the same", function()
        local app, a, b = over "mg.all_sync { a, b, c }"
        a:put("k", "old"):is_slow(0.1)
        local reply = app:begin("cas k 1 2 3 99", "new")
        t.expect(sent(app)):equals { "a cas k 1 2 3 99" }
        t.advance(0.1)
        t.expect(reply):is "EXISTS\r\n"
        a:is_up()
        t.expect(app:cas("k", "new", a:item "k".cas, 1, 2)):is "STORED\r\n"
        local all = sent(app)
        table.sort(all)
        t.expect(all):equals { "a cas k 1 2 3 1", "b set k 1 2 3", "c set k 1 2 3" }
        b:errs "full"
        t.expect(app:cas("k", "newer", a:item "k".cas)):is_error "full"
    end)

    t.it("is the first of all routes', which is waited for where others are faster", function()
        for _, policy in ipairs { "all_fastest", "all_majority", "all_sync" } do
            local app, a, b, c = over("mg." .. policy .. " { a, b, c }")
            a:put("k", "1"):put("k", "a"):is_slow(0.1)
            b:put("k", "b")
            c:put("k", "c")
            local reply = app:begin "gets k"
            t.advance(0.099)
            t.expect(reply):is_waiting()
            t.advance(0.001)
            t.expect(reply):is_hit "a"
            t.expect(reply.cas):equals(a:item "k".cas)
        end
    end)

    t.it("is none that can be used where the first of all routes errs", function()
        for _, policy in ipairs { "all_fastest", "all_majority" } do
            local app, a, b, c = over("mg." .. policy .. " { a, b, c }")
            b:put("k", "b")
            c:put("k", "b")
            a:is_silent()
            t.expect(app:gets "k"):is(("VALUE k 0 1 %s\r\nb\r\nEND\r\n"):format(NO_CAS))
            t.expect(app:ask "mg k c v"):is(("VA 1 c%s\r\nb\r\n"):format(NO_CAS))
            t.expect(app:get "k"):is_hit "b"
        end
    end)

    t.it("is shown in vain in the last seconds before its key moves", function()
        local app, a, b = over "mg.migrate { a, b, start = os.time() + 15, interval = 20 }"
        a:put("k", "a")
        local cas = a:item "k".cas
        local shown, voided = 0, 0
        for _ = 1, 60 do
            local reply = app:gets "k"
            if reply.kind == "miss" then break end
            t.expect(reply):is_hit "a"
            local is_void = reply.text:find(NO_CAS, 1, true) ~= nil
            if not is_void then t.expect(reply.cas):equals(cas) end
            shown, voided = shown + (is_void and 0 or 1), voided + (is_void and 1 or 0)
            t.expect(app:cas("k", "a", 12345)):is "EXISTS\r\n"
            t.advance(1)
        end
        t.expect(shown >= 5):equals(true)
        t.expect(voided):equals(10)
        b:put("k", "b")
        t.expect(app:gets "k"):is_hit "b"
        t.expect(app:gets "k".cas):equals(b:item "k".cas)
    end)

    t.it("of a delete is compared where a moving key is, then both forget it", function()
        local app, a, b = over "mg.migrate { a, b, start = os.time() - 1, interval = 8e7 }"
        a:put("k", "a")
        b:put("k", "1"):put("k", "b")
        t.expect(app:ask(("md k C%d q"):format(b:item "k".cas))):is "EX\r\n"
        t.expect(app:ask(("md k C%d"):format(a:item "k".cas))):is "HD\r\n"
        t.expect({ a:value "k", b:value "k" }):equals {}
    end)
end)

t.describe("an item that is made", function()
    t.it("is not made in a new pool before the old one was asked", function()
        local app, _, b = over "mg.warm_up { a, b, exptime = 60 }"
        b:put("n", "5")
        t.expect(app:ask "mg n N30 v"):is "VA 1\r\n5\r\n"
        t.expect(sent(app)):equals { "a mg n v", "b get n", "a add n 0 60 1", "a mg n v N30" }
        b:put("m", "5")
        t.expect(app:ask "ma m N0 J100 v"):is "VA 1\r\n6\r\n"
        app:ask "mg none N30 v"
        t.expect(sent(app)[7]):equals "a mg none v N30"
    end)

    t.it("is made by the last that is tried", function()
        local app = over "mg.failover { a, b, c, on = { 'error', 'miss' }, tries = 2 }"
        app:ask "mg k N30 v"
        t.expect(sent(app)):equals { "a mg k v", "b mg k N30 v" }
        app = over "mg.all_fastest { a, b, c, hit = true }"
        app:ask "mg k N30 v"
        t.expect(sent(app)):equals { "a mg k v", "b mg k v", "c mg k N30 v" }
        app = over "mg.all_sync { a, b, c }"
        app:ask "mg k N30 v"
        t.expect(sent(app)):equals { "a mg k N30 v" }
    end)
end)

t.describe("a win", function()
    t.it("in an answer that comes too late is handed back", function()
        local app, a, b = over "mg.hedge { mg.delay { a, after = 0.1 }, b, least = 0.05, most = 0.05 }"
        b:put("k", "b")
        a:answers("VA 1 X W\r\na", 1)
        local reply = app:begin "mg k v"
        t.advance(0.1)
        t.expect(reply):is "VA 1\r\nb\r\n"
        t.expect(sent(app)):equals { "a mg k v", "b mg k v", "a md k I" }
    end)

    t.it("that is not told is handed back, and to that server alone", function()
        local app, a, b, c = over "mg.all_majority { a, b, mg.delay { c, after = 0.1 } }"
        for _, server in ipairs { a, b, c } do server:answers("VA 1 X W\r\nx", 1) end
        t.expect(app:ask "mg AAE= b v"):is "VA 1 X W\r\nx\r\n"
        t.advance(0.1)
        local back = {}
        for _, line in ipairs(sent(app)) do
            if line:find " md " then back[#back + 1] = line:sub(2) end
        end
        t.expect(back):equals { " md AAE= I b", " md AAE= I b" }
    end)
end)
