--- mg.big_value: values above a threshold in parts, over servers that fail.
local t = require "moongate.test"
local three = require "three"

local over, sent, who = three.over, three.sent, three.who

local HALF = 1024                                             -- the threshold
local LONG = ("0123456789abcde\n"):rep(160)                   -- 2560 bytes: three parts

-- Parts are at b, everything else at a; parts' keys are "k:HASH:NUMBER".
local SPLIT = [[mg.big_value { mg.by_prefix { { ["k:"] = b }, default = a }, threshold = 1024 }]]

-- The keys of what b was sent since then, without what stands before the number.
local function parts_sent(app, command)
    local list = {}
    for _, line in ipairs(sent(app)) do
        list[#list + 1] = line:match("^b " .. command .. " .*(k:%x+:%d+)")
    end
    return list
end

t.describe("big_value", function()
    t.it("leaves what is not above the threshold alone", function()
        local app = over "mg.big_value { a, threshold = 1024 }"
        local value = ("x"):rep(HALF)
        t.expect(app:set("k", value, 7, 60)):is "STORED\r\n"
        t.expect(app:get "k"):is_hit(value)
        t.expect(sent(app)):equals { "a set k 7 60 1024", "a get k" }
    end)

    t.it("stores the parts, and then under the key what says so", function()
        local app, a = over(SPLIT)
        t.expect(app:set("k", LONG, 7, 60)):is "STORED\r\n"
        local entries = app.sent
        t.expect(#entries):equals(4)
        local value = ""
        for i = 1, 3 do
            t.expect(entries[i].line:match "^set k:%x+:(%d) 0 60 %d+$"):equals(tostring(i))
            value = value .. entries[i].value
        end
        t.expect(value):equals(LONG)
        t.expect(entries[4].line):contains "set k "
        t.expect(#a:value "k" < 160):equals(true)
    end)

    t.it("puts them together again for every sort of read", function()
        local app, a = over(SPLIT)
        app:set("k", LONG, 7)
        t.expect(app:get("k", "none", "k").items):equals { { key = "k", value = LONG, flags = 7 },
            { key = "k", value = LONG, flags = 7 } }
        local reply = app:gets "k"
        t.expect({ reply.value, reply.cas }):equals { LONG, a:item("k").cas }
        t.expect(app:ask "mg k v f s k"):is(("VA 2560 f7 s2560 kk\r\n%s\r\n"):format(LONG))
        t.expect(app:cas("k", LONG .. "!", reply.cas)):is "STORED\r\n"
        t.expect(app:cas("k", "short", reply.cas)):is "EXISTS\r\n"
        t.expect(app:get "k"):is_hit(LONG .. "!")
        t.expect(app:delete "k"):is "DELETED\r\n"
        t.expect(app:get "k"):is_miss()
    end)

    t.it("is a miss when a part is gone", function()
        local app, _, b = over(SPLIT)
        app:set("k", LONG)
        b:forgets()
        t.expect(app:get "k"):is "END\r\n"
        t.expect(app:ask "mg k v"):is "EN\r\n"
        t.expect(app:touch("k", 60)):is_miss()
        app:forget()
        t.expect(app:get "k"):is_miss()
        t.expect(who(app)):equals "a"
    end)

    t.it("is a miss when a part cannot be had", function()
        local app, _, b = over(SPLIT)
        app:set("k", LONG)
        b:is_silent()
        local reply = app:get "k"
        t.expect(reply):is_miss()
        t.expect(reply):took(0.3)
        b:is_down()
        t.expect(app:get "k"):is_miss()
        b:is_up()
        t.advance(30)
        t.expect(app:get "k"):is_hit(LONG)
    end)

    t.it("tells the error of the server that has the key itself", function()
        local app, a = over(SPLIT)
        app:set("k", LONG)
        a:errs "broken"
        t.expect(app:get "k"):is_error "broken"
        t.expect(app:set("k", LONG)):is_error "broken"
        t.expect(app:touch("k", 5)):is_error "broken"
    end)

    t.it("leaves the old value when a part of a new one cannot be stored", function()
        local app, _, b = over(SPLIT)
        app:set("k", LONG)
        b:errs("full", 1)
        t.expect(app:set("k", "!" .. LONG)):is_error "full"
        t.expect(app:get "k"):is_hit(LONG)
        b:is_down()
        t.expect(app:set("k", "!" .. LONG)):is_error "10.0.0.2:11211"
        t.expect(app:set("k", "short")):is "STORED\r\n"
        t.expect(app:get "k"):is_hit "short"
    end)

    t.it("lets the parts live as long as the value", function()
        local app, _, b = over(SPLIT)
        app:set("k", LONG, 0, 100)
        local part = parts_sent(app, "set")[1]
        t.advance(60)
        t.expect(app:touch("k", 100)):is "TOUCHED\r\n"
        t.expect(#parts_sent(app, "touch")):equals(3)
        t.advance(60)
        t.expect(app:gat(50, "k")):is_hit(LONG)
        t.expect(#parts_sent(app, "gat")):equals(3)
        t.advance(49)
        t.expect(app:get "k"):is_hit(LONG)
        t.advance(1)
        t.expect(app:get "k"):is_miss()
        t.expect(b:value(part)):equals(nil)
    end)

    t.it("adds nothing to such a value, and stores none that is too large", function()
        local app = over(SPLIT)
        app:set("k", LONG)
        t.expect(app:append("k", "x")):is_error "kept in parts"
        t.expect(app:prepend("k", "x")):is_error "kept in parts"
        for _, mode in ipairs { "A", "a", "P", "p" } do
            t.expect(app:ask(("ms k 1 M%s"):format(mode), "x")):is_error "kept in parts"
        end
        t.expect(app:get "k"):is_hit(LONG)
        app:set("s", "x")
        t.expect(app:append("s", "y")):is_hit()
        t.expect(app:get "s"):is_hit "xy"
        local large = t.load_text [[
            local mg = require "moongate"
            mg.options { max_value = "4m" }
            return mg.big_value { mg.pool { "10.0.0.1:11211" }, threshold = 1024 }]]
        t.expect(large:set(("k"):rep(229), LONG)):is_error "object too large for cache"
        t.expect(large:set("k", ("x"):rep(1024 * 1024 + 1))):is_error "object too large for cache"
        t.expect(large.sent):equals {}
        t.expect(large:set("k", ("x"):rep(1024 * 1024))):is "STORED\r\n"
        t.expect(#large.sent):equals(1025)
    end)
end)
