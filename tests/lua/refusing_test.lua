--- Policies that answer requests themselves: deny, null, error.
local t = require "moongate.test"
local three = require "three"

local over, who = three.over, three.who

t.describe("deny", function()
    t.it("refuses commands, keys and prefixes, and sends the others", function()
        local app, a = over [[mg.deny { a, commands = { "delete", "arithmetic" }, keys = { "secret" },
            prefixes = { "old:", "tmp:" } }]]
        for _, line in ipairs { "delete k", "md k", "incr k 1", "decr k 1", "ma k", "get secret", "mg secret v",
            "get old:1", "get tmp:", "touch old:2 5" } do
            t.expect(app:ask(line)):is "SERVER_ERROR denied\r\n"
        end
        t.expect(app:set("old:1", "x")):is "SERVER_ERROR denied\r\n"
        t.expect(who(app)):equals ""
        for _, key in ipairs { "secrets", "secre", "old", "xold:" } do t.expect(app:get(key)):is_miss() end
        t.expect(app:set("k", "x")):is_hit()
        t.expect(who(app)):equals "aaaaa"
        a:errs "broken"
        t.expect(app:get "k"):is_error "broken"
        t.expect(app:get "secret"):is_error "denied"
    end)

    t.it("says what it is told to", function()
        local app = over 'mg.deny { a, commands = "update", error = "read-only for now" }'
        t.expect(app:set("k", "x")):is "SERVER_ERROR read-only for now\r\n"
    end)

    t.it("is no error after which another route is asked, unless that says so", function()
        t.expect((over 'mg.failover { mg.deny { a, keys = "k" }, b }'):get "k"):is_error "denied"
        t.expect((over 'mg.failover { mg.deny { a, keys = "k" }, b, on = "denied" }'):get "k"):is_miss()
    end)
end)

local EVERY = { { "get k", "END" }, { "gets k", "END" }, { "gat 5 k", "END" }, { "delete k", "NOT_FOUND" },
    { "touch k 5", "NOT_FOUND" }, { "incr k 1", "NOT_FOUND" }, { "cas k 0 0 1 5", "NOT_FOUND", "x" },
    { "set k 0 0 1", "NOT_STORED", "x" }, { "add k 0 0 1", "NOT_STORED", "x" }, { "append k 0 0 1", "NOT_STORED", "x" },
    { "mg k v", "EN" }, { "ms k 1", "NS", "x" }, { "md k", "NF" }, { "ma k", "NF" } }

t.describe("null", function()
    t.it("misses whatever it is asked", function()
        local app = over "mg.null()"
        for _, one in ipairs(EVERY) do
            t.expect(one[1] .. ": " .. app:ask(one[1], one[3]).text):equals(("%s: %s\r\n"):format(one[1], one[2]))
        end
        t.expect(who(app)):equals ""
    end)
end)

t.describe("error", function()
    t.it("errs whatever it is asked", function()
        local app = over 'mg.error "closed for today"'
        for _, one in ipairs(EVERY) do
            t.expect(app:ask(one[1], one[3])):is "SERVER_ERROR closed for today\r\n"
        end
        t.expect(who(app)):equals ""
    end)
end)
