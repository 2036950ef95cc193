--- What only some servers or clients use, through policies that read and store again: client flags of 64 bits, keys
-- with control bytes, exptimes beyond 32 bits.
local t = require "moongate.test"
local three = require "three"

local over, sent = three.over, three.sent

local WIDE = "18446744073709551615"
local ODD = "tab\t\1\127"

-- Fills the first server (a) from the second (b).
local fillers = {
    ["mg.warm_up { a, b }"] = "warm_up", ["mg.l1_l2 { a, b }"] = "l1_l2",
    ["mg.warm_up { a, b, exptime = 60 }"] = "warm_up with an exptime",
}

t.describe("client flags of 64 bits and keys with control bytes", function()
    for route, name in pairs(fillers) do
        t.it("are filled as they are by " .. name, function()
            local app, a, b = over(route)
            b:put(ODD, "value", WIDE)
            local reply = app:get(ODD)
            t.expect({ reply.value, reply.flags }):equals { "value", WIDE }
            t.advance(0.01)
            t.expect(a:item(ODD).flags):equals(WIDE)
            t.expect(table.concat(sent(app), "|")):contains("a add " .. ODD .. " " .. WIDE)
        end)
    end

    t.it("come back from values in parts", function()
        local app, a = over "mg.big_value { a, threshold = 1024 }"
        for _, flags in ipairs { WIDE, 2 ^ 53, 2 ^ 32, 7 } do
            app:set(ODD, ("x"):rep(3000), flags)
            t.expect(#a:value(ODD) < 160):equals(true)
            local reply = app:get(ODD)
            t.expect({ #reply.value, reply.flags }):equals { 3000, flags }
        end
    end)

    t.it("are no part of a value that is stored whole", function()
        local app = over "mg.big_value { a, threshold = 1024 }"
        app:set("k", "short", WIDE)
        local reply = app:get "k"
        t.expect({ reply.value, reply.flags }):equals { "short", WIDE }
    end)

    t.it("go with what staging stores", function()
        local app, a, b = over "mg.staging { a, b }"
        app:set(ODD, "value", WIDE)
        t.advance(0.01)
        t.expect({ (a:item(ODD) or b:item(ODD)).flags }):equals { WIDE }
    end)

    t.it("are parts of names in options", function()
        local app = over 'mg.modify_key { a, add = "\\1" }'
        app:get "k"
        t.expect(sent(app)):equals { "a get \1k" }
        app = over 'mg.by_prefix { { ["\\t"] = a }, default = b }'
        app:get "\tk"
        t.expect(sent(app)):equals { "a get \tk" }
    end)
end)

t.describe("exptimes beyond 32 bits", function()
    t.it("go on as they came where nothing else is written", function()
        local app = over "a"
        for _, line in ipairs { "touch k 4294967296", "gat 4294967295 k", "mg k T99999999999 v" } do
            app:ask(line)
            t.expect(sent(app)):equals { "a " .. line }
        end
    end)

    t.it("are capped as servers read them", function()
        local app = over "mg.cap_ttl { a, 60 }"
        app:ask "touch k 4294967295" -- -1
        t.expect(sent(app)):equals { "a touch k 4294967295" }
        app:ask "touch k 4294967396" -- 100
        t.expect(sent(app)):equals { "a touch k 60" }
    end)
end)
