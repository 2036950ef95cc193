--- Policies over a small or new pool beside the one that counts: l1_l2, staging.
local t = require "moongate.test"
local three = require "three"

local over, sent, who = three.over, three.sent, three.who

-- Here a is near and b far.
t.describe("l1_l2", function()
    t.it("finds in the far pool what the near one does not have, and puts it there", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60 }"
        b:put("k", "value", 7)
        t.expect(app:get "k"):is "VALUE k 7 5\r\nvalue\r\nEND\r\n"
        t.expect(sent(app)):equals { "a get k", "b get k", "a add k 7 60 5" }
        b:put("k", "newer")
        t.advance(59)
        t.expect(app:get "k"):is_hit "value"
        t.expect(app:ask "mg k v f"):is "VA 5 f7\r\nvalue\r\n"
        t.expect(who(app)):equals "aa"
        t.advance(1)
        t.expect(app:get "k"):is_hit "newer"
        t.expect(a:item("k").ttl):equals(60)
    end)

    t.it("keeps it there for nearly as long as it lives in the far one, when nothing else is said", function()
        local app, a, b = over "mg.l1_l2 { a, b }"
        b:put("k", "value", 0, 100)
        t.advance(30)
        app:get "k"
        t.expect(sent(app)):equals { "a get k", "b get k", "b mg k t", "a add k 0 68 5" }
        app:set("n", "value", 0, 50)
        t.expect({ math.ceil(a:item("n").ttl), math.ceil(b:item("n").ttl) }):equals { 50, 50 }
    end)

    t.it("keeps nothing nearby that is over or ends sooner", function()
        local app = over "mg.l1_l2 { a, b, exptime = 60 }"
        local now = math.floor(t.now())
        local times = { [-1] = -1, [2678400] = 2678400, [now - 5] = now - 5, [now + 5] = now + 5,
                        [now + 500] = 60, [0] = 60, [59] = 59, [61] = 60 }
        for given, kept in pairs(times) do
            app:set("k", "value", 0, given)
            t.expect(sent(app)):equals { ("b set k 0 %d 5"):format(given), ("a set k 0 %d 5"):format(kept) }
        end
        app:set("k", "value", 0, 2678400)
        t.expect(app:get "k"):is_miss()
    end)

    t.it("remembers a miss for a while with negative", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60, negative = 5 }"
        t.expect(app:get "k"):is_miss()
        b:put("k", "value")
        app:forget()
        t.advance(4.9)
        t.expect(app:get "k"):is "END\r\n"
        t.expect(app:ask "mg k v f"):is "EN\r\n"
        t.expect(who(app)):equals "aa"
        t.advance(0.1)
        t.expect(app:get "k"):is_hit "value"
        app:get "n"
        app:set("n", "x")
        t.expect(app:get "n"):is_hit "x"
        app:get "m"
        t.expect(app:add("m", "x")):is_hit()
        t.expect(app:get "m"):is_hit "x"
        t.expect(a:value "m"):equals "x"
    end)

    t.it("sets in the far pool, then in the near one, where it lives no longer than it may", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60 }"
        b:is_slow(0.1)
        local reply = app:set("k", "value", 7)
        t.expect(reply):is "STORED\r\n"
        t.expect(reply):took(0.1)
        t.expect(sent(app)):equals { "b set k 7 0 5", "a set k 7 60 5" }
        app:set("k", "value", 0, 30)
        t.expect(sent(app)):equals { "b set k 0 30 5", "a set k 0 30 5" }
        app:set("k", "value", 0, 90)
        t.expect(sent(app)):equals { "b set k 0 90 5", "a set k 0 60 5" }
        t.expect(a:value "k"):equals "value"
    end)

    t.it("takes out of the near pool what is written in another way", function()
        local app, a = over "mg.l1_l2 { a, b, exptime = 60 }"
        for _, line in ipairs { "add k 0 0 1", "replace k 0 0 1", "append k 0 0 1", "prepend k 0 0 1", "cas k 0 0 1 5",
            "ms k 1", "incr k 1", "decr k 1", "touch k 5", "ma k", "delete k", "md k" } do
            a:put("k", "old")
            app:ask(line, (line:find " 1$" or line:find "cas") and not line:find "cr" and "5" or nil)
            t.expect(line .. ": " .. tostring(a:value "k")):equals(line .. ": nil")
            t.expect(line .. ": " .. three.whom(app)):equals(line .. ": ab")
        end
    end)

    t.it("asks the far pool alone for what the near one cannot know", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60 }"
        a:put("k", "near")
        b:put("k", "far")
        for _, line in ipairs { "gets k", "mg k v f t", "mg k v f c", "mg k v", "mg k" } do
            app:ask(line)
            t.expect(line .. " " .. who(app)):equals(line .. " b")
        end
    end)

    t.it("forgets in the near pool what gets another time in the far one", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60 }"
        for _, line in ipairs { "gat 5 k", "gats 5 k", "mg k v f T5" } do
            a:put("k", "near")
            b:put("k", "far")
            t.expect(app:ask(line).text:find "far" ~= nil):equals(true)
            t.expect(line .. " " .. who(app)):equals(line .. " ba")
            t.expect(a:value "k"):equals(nil)
        end
    end)

    t.it("goes on with the far pool alone while the near one errs", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60, negative = 5 }"
        a:is_silent()
        b:put("k", "value")
        local reply = app:get "k"
        t.expect(reply):is_hit "value"
        t.expect(reply):took(0.2)
        a:is_down()
        t.expect(app:get "k"):is_hit "value"
        t.expect(app:get "none"):is_miss()
        t.expect(app:set("k", "new")):is "STORED\r\n"
        t.expect(app:get "k"):is_hit "new"
        t.expect(app:delete "k"):is_error "10.0.0.1:11211"
        t.expect(b:value "k"):equals(nil)
    end)

    t.it("leaves nothing old in the near pool when a set has failed in the far one", function()
        local app, a, b = over "mg.l1_l2 { a, b, exptime = 60 }"
        app:set("k", "old")
        b:errs "full"
        t.expect(app:set("k", "new")):is_error "full"
        t.expect(a:value "k"):equals(nil)
        t.expect(app:get "k"):is_error "full"
        a:put("k", "near")
        b:is_down()
        t.expect(app:get "k"):is_hit "near"
    end)
end)

-- Here a is live and b on trial.
t.describe("staging", function()
    t.it("answers from the live pool, and puts into the other what that lacks", function()
        local app, a, b = over "mg.staging { a, b }"
        a:put("k", "value", 7, 300)
        t.advance(100)
        t.expect(app:get "k"):is "VALUE k 7 5\r\nvalue\r\nEND\r\n"
        t.expect(sent(app)):equals { "a get k", "b get k", "a mg k t", "b add k 7 199 5" }
        b:put("k", "other")
        t.expect(app:get "k"):is_hit "value"
        t.expect(sent(app)):equals { "a get k", "b get k" }
        t.expect(b:value "k"):equals "other"
        t.expect(app:get "none"):is_miss()
        t.expect(sent(app)):equals { "a get none", "b get none" }
    end)

    t.it("puts it there for so many seconds with exptime", function()
        local app, a, b = over "mg.staging { a, b, exptime = 60 }"
        a:put("k", "value")
        app:get "k"
        t.expect(b:item("k").ttl):equals(60)
        t.advance(60)
        t.expect(b:value "k"):equals(nil)
        t.expect(app:get "k"):is_hit "value"
        t.expect(b:value "k"):equals "value"
    end)

    t.it("sends to both what depends on no old value", function()
        local app, a, b = over "mg.staging { a, b }"
        for _, request in ipairs { { "set k 1 60 1", "5" }, { "touch k 9" }, { "ms k 1", "5" }, { "delete k" },
            { "set k 0 0 1", "x" }, { "md k" } } do
            app:ask(request[1], request[2])
            local both = sent(app)
            table.sort(both)
            t.expect(both):equals { "a " .. request[1], "b " .. request[1] }
            t.expect(b:value "k"):equals(a:value "k")
        end
    end)

    t.it("puts into the other what the live pool has after a write that depends on the old value", function()
        local app, a, b = over "mg.staging { a, b }"
        app:set("k", "5", 1, 60)
        for _, request in ipairs { { "incr k 2" }, { "append k 0 0 1", "0" }, { "ma k" }, { "ms k 1 MP", "1" } } do
            for _, before in ipairs { "other", false } do
                if before then b:put("k", before) else b:forgets() end
                sent(app)
                app:ask(request[1], request[2])
                local value = a:value "k"
                t.expect(sent(app)):equals { "a " .. request[1], "a mg k v f t", ("b set k 1 59 %d"):format(#value) }
                t.expect(b:value "k"):equals(value)
            end
        end
    end)

    t.it("puts it there, too, when the other lacks what gets another time to live", function()
        local app, a, b = over "mg.staging { a, b }"
        a:put("k", "value", 7, 60)
        t.expect(app:ask "touch k 9"):is "TOUCHED\r\n"
        t.expect(sent(app)):equals { "a touch k 9", "b touch k 9", "a mg k v f t", "b set k 7 8 5" }
        t.expect(b:value "k"):equals "value"
    end)

    t.it("deletes in the other what the live pool failed to write", function()
        local app, a, b = over "mg.staging { a, b }"
        for _, request in ipairs { { "set k 0 0 1", "x" }, { "add k 0 0 1", "x" }, { "incr k 1" } } do
            b:put("k", "5")
            a:errs "full"
            t.expect(app:ask(request[1], request[2])):is_error "full"
            t.expect(b:value "k"):equals(nil)
        end
    end)

    t.it("sets in the other what the live pool has stored for what was there", function()
        local app, a, b = over "mg.staging { a, b }"
        t.expect(app:add("k", "1", 7, 60)):is "STORED\r\n"
        t.expect(app:add("k", "2")):is "NOT_STORED\r\n"
        t.expect(app:replace("none", "2")):is "NOT_STORED\r\n"
        t.expect(app:replace("k", "3", 8, 60)):is "STORED\r\n"
        t.expect(app:cas("k", "4", a:item("k").cas)):is "STORED\r\n"
        t.expect(app:cas("k", "5", 12345)):is "EXISTS\r\n"
        t.expect(app:ask("ms k 1 MR", "6")):is "HD\r\n"
        t.expect(app:ask("ms k 1 ME", "7")):is "NS\r\n"
        local to_b = {}
        for _, line in ipairs(sent(app)) do
            if line:sub(1, 1) == "b" then to_b[#to_b + 1] = line end
        end
        t.expect(to_b):equals { "b set k 7 60 1", "b set k 8 60 1", "b set k 0 0 1", "b ms k 1" }
        t.expect({ a:value "k", b:value "k" }):equals { "6", "6" }
    end)

    t.it("never waits for the pool on trial, nor tells its errors", function()
        local app, a, b = over "mg.staging { a, b }"
        a:put("k", "value")
        for _, how in ipairs { "errs", "is_silent", "is_down" } do
            b[how](b)
            for _, line in ipairs { "get k", "gets k", "get none", "touch k 0", "delete none", "mg k v" } do
                local reply = app:ask(line)
                t.expect(reply.kind):equals(line:find "none" and "miss" or "hit")
                t.expect(reply):took(0)
            end
            t.expect(app:set("n", "x")):took(0)
            t.expect(app:replace("n", "y")):is "STORED\r\n"
        end
    end)

    t.it("tells the live pool's errors", function()
        local app, a, b = over "mg.staging { a, b }"
        b:put("k", "other")
        a:errs "full"
        for _, line in ipairs { "get k", "delete k", "gets k" } do t.expect(app:ask(line)):is_error "full" end
        t.expect(app:add("k", "x")):is_error "full"
        a:is_down()
        t.expect(app:set("k", "x")):is_error "10.0.0.1:11211"
    end)
end)
