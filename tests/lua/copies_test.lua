--- Copies that policies make of what was read elsewhere: none is made of what was written meanwhile, and one that was
-- on its way then is taken back.
local t = require "moongate.test"
local three = require "three"

local over, sent = three.over, three.sent

-- Here a is near and b far.
t.describe("a copy in l1_l2", function()
    t.it("is not made of a key that is written while the far pool is read", function()
        for _, line in ipairs { "delete k", "md k", "incr k 1", "touch k 5", "mg k T5", "flush_all", "gat 5 k" } do
            local app, a, b = over "mg.l1_l2 { a, b, exptime = 60 }"
            b:put("k", "7"):is_slow(0.1, 1)
            local reply = app:begin "get k"
            t.advance(0.05)
            app:client():begin(line)
            t.advance(0.1)
            t.expect(reply):is_hit "7"
            t.expect(line .. ": " .. tostring(a:value "k")):equals(line .. ": nil")
            for _, request in ipairs(sent(app)) do t.expect(request:find "^a add" and line):equals(nil) end
        end
    end)

    t.it("is not made while a write from before it is in flight", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60 }"
        b:put("k", "old"):is_slow(0.1, 1)
        local deleted = app:client():begin "touch k 0"
        t.advance(0.01)
        t.expect(app:get "k"):is_hit "old"
        t.advance(0.1)
        t.expect(deleted):is "TOUCHED\r\n"
        t.expect(a:value "k"):equals(nil)
    end)

    t.it("is taken back when the key is written while it is on its way", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60 }"
        b:put("k", "old")
        app:get "none" -- the next answer is that to the copy
        local reply = app:begin "get k"
        t.advance(0.001)
        t.expect(reply):is_hit "old"
        t.expect(a:value "k"):equals "old"
        a:forgets()
        app:forget()
        a:is_slow(0.1, 2)
        reply = app:begin "get k"
        t.advance(0.15)
        t.expect(reply):is_hit "old"
        t.expect(sent(app)):equals { "a get k", "b get k", "a add k 0 60 3" }
        t.expect(a:value "k"):equals "old"
        b:forgets()
        app:client():begin "flush_all"
        a:put("k", "old") -- as if it had come before
        t.advance(0.1)
        t.expect(sent(app)[4]):equals "a delete k" -- behind a flush_all to each
        t.expect(a:value "k"):equals(nil)
    end)

    t.it("is not trusted while it is on its way", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60 }"
        b:put("k", "old")
        a:is_slow(0.1, 2)
        app:begin "get k"
        t.advance(0.15)
        t.expect(a:value "k"):equals "old"
        b:put("k", "new")
        t.expect(app:client():get "k"):is_hit "new"
        t.expect(sent(app)):equals { "a get k", "b get k", "a add k 0 60 3", "a get k", "b get k", "a delete k" }
    end)

    t.it("is not trusted for as long as it may live when it could not be taken back", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60 }"
        b:put("k", "old")
        app:get "k"
        a:errs "busy"
        t.expect(app:touch("k", 100)):is "TOUCHED\r\n"
        a:is_up()
        t.expect(app:get "k"):is_hit "old"
        t.expect(a:value "k"):equals "old" -- the same as in b: it may stay
        b:put("k", "new")
        t.expect(app:get "k"):is_hit "new"
        t.expect(a:value "k"):equals(nil)
        t.advance(58)
        a:put("k", "near")
        t.expect(app:get "k"):is_hit "new"
        a:put("k", "near")
        t.advance(3)
        t.expect(app:get "k"):is_hit "near"
    end)

    t.it("that says that nothing is there is not made of a key that is set meanwhile", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60, negative = 5 }"
        b:is_slow(0.1, 1)
        local reply = app:begin "get k"
        t.advance(0.05)
        app:client():begin("add k 0 0 1", "x")
        t.advance(0.1)
        t.expect(reply):is_miss()
        t.expect(a:value "k"):equals(nil)
        t.expect(app:get "k"):is_hit "x"
    end)

    t.it("of a set goes when another set has come between", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60 }"
        a:is_slow(0.1, 1)
        local first = app:begin("set k 0 0 1", "1")
        t.advance(0.01)
        local second = app:client():begin("set k 0 0 1", "2")
        t.advance(0.2)
        t.expect(first):is "STORED\r\n"
        t.expect(second):is "STORED\r\n"
        t.expect(b:value "k"):equals "2"
        t.expect(a:value "k" ~= "1"):equals(true)
        t.expect(app:get "k"):is_hit "2"
        app:set("k", "3")
        t.expect(a:value "k"):equals "3"
    end)

    t.it("is made where keys are rewritten, and counts their writes", function()
        local app, a, b = over [[mg.modify_key { mg.l1_l2 { mg.modify_key { a, add = "n:" },
            mg.modify_key { b, add = "f:" }, exptime = 60 }, suffix = "x" }]]
        b:put("f:kx", "old")
        t.expect(app:get "k"):is_hit "old"
        t.expect(a:value "n:kx"):equals "old"
        a:forgets()
        b:is_slow(0.1, 1)
        app:begin "get k"
        t.advance(0.05)
        app:client():begin "delete k"
        t.advance(0.1)
        t.expect(a:value "n:kx"):equals(nil)
    end)

    t.it("in two levels of them stays", function()
        local app, a, b, c = over "mg.l1_l2 { mg.l1_l2 { a, b, exptime = 60 }, c, exptime = 90 }"
        c:put("k", "value")
        app:get "k"
        t.expect({ a:value "k" or "none", b:value "k" }):equals { "none", "value" }
        app:get "k"
        t.expect(a:value "k"):equals "value"
    end)

    t.it("is not made of what may have expired meanwhile", function()
        local app, a, b = over "mg.l1_l2 { a, b }"
        b:put("k", "value", 0, 2):put("n", "value", 0, 3)
        app:get "k"
        t.expect(a:value "k"):equals(nil)
        app:get "n"
        t.expect(a:item("n").ttl <= 1):equals(true)
    end)
end)

-- Here a is the new pool, where writes go, and b the old one.
t.describe("a copy in warm_up", function()
    t.it("is not made of a key that is deleted while the old pool is read", function()
        local app, a, b = over [[mg.by_command {
            delete = mg.all_sync { a, b }, default = mg.warm_up { a, b, exptime = 60 } }]]
        b:put("k", "old"):is_slow(0.1, 1)
        app:begin "get k"
        t.advance(0.05)
        app:client():begin "delete k"
        t.advance(0.1)
        t.expect(a:value "k"):equals(nil)
        t.expect(app:get "k"):is_miss()
    end)

    t.it("is taken back only as long as it is the copy", function()
        local app, a, b = over "mg.warm_up { a, b, exptime = 60 }"
        for _, line in ipairs { "set k 0 0 3", "touch k 0" } do
            b:put("k", "old")
            a:forgets()
            app:forget()
            a:is_slow(0.1, 2)
            app:begin "get k"
            t.advance(0.15)
            t.expect(a:value "k"):equals "old"
            app:client():ask(line, line:find "set" and "new" or nil)
            t.advance(0.2)
            local all = sent(app)
            t.expect(all[5]):equals "a mg k v f c"
            t.expect(all[6] and all[6]:gsub("C%d+", "C") or "none"):equals(line:find "set" and "none" or "a md k C")
            t.expect(a:value "k"):equals(line:find "set" and "new" or nil)
        end
    end)
end)

t.describe("negative_cache", function()
    t.it("knows of writes of a key that did not pass through it", function()
        for _, line in ipairs { "set k 0 0 1", "add k 0 0 1", "ms k 1", "touch k 0", "flush_all" } do
            local app, a = over "mg.by_command { get = mg.negative_cache { a, 10 }, default = a }"
            app:get "k"
            t.expect(app:get "k"):is_miss()
            t.expect(sent(app)):equals { "a get k" }
            app:ask(line, line:find " 1$" and "x" or nil)
            app:get "k"
            t.expect(line .. ": " .. sent(app)[line == "flush_all" and 4 or 2]):equals(line .. ": a get k")
            t.expect(a:value "k"):equals(line:find " 1$" and "x" or nil)
        end
    end)

    t.it("knows a key by the name that the client gave it, too", function()
        local app, a = over [[mg.by_command {
            get = mg.negative_cache { mg.modify_key { a, add = "n:" }, 10 },
            default = mg.modify_key { a, add = "n:" } }]]
        t.expect(app:get "k"):is_miss()
        app:set("k", "x")
        t.expect(a:value "n:k"):equals "x"
        t.expect(app:get "k"):is_hit "x"
    end)
end)
