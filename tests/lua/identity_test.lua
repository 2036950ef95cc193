--- Who asks: mg.allow, mg.deny and mg.rate_limit by identity, and what functions see of it.
local t = require "moongate.test"
local three = require "three"

local over, sent = three.over, three.sent

t.describe("allow", function()
    t.it("gives each identity its route, and refuses all others", function()
        local app = over "mg.allow { [\"team-a\"] = a, [\"user:bob\"] = b }"
        local function from(identity) return app:client { identity = identity }:get "k" end
        from "user:team-a"
        from "cert:team-a"
        from "user:bob"
        t.expect(from "cert:bob"):is_error "not allowed"
        t.expect(from "user:bobby"):is_error "not allowed"
        t.expect(app:get "k"):is "SERVER_ERROR not allowed\r\n"
        t.expect(app:client { identity = "user:bob" }:explain("get k").pool):equals "b"
        t.expect(table.concat(sent(app), ", ")):equals("a get k, a get k, b get k")
    end)

    t.it("has a route for all others", function()
        local app = over "mg.allow { bob = mg.reply.miss(), otherwise = b }"
        t.expect(app:client { identity = "user:bob" }:get "k"):is_miss()
        app:get "k"
        app:client { identity = "user:otherwise" }:get "k"
        t.expect(table.concat(sent(app), ", ")):equals("b get k, b get k")
    end)

    t.it("looks at each request, stores too, and below other policies", function()
        local app = over "mg.failover { mg.allow { bob = mg.set_ttl { a, 5 } }, b, on = 'denied' }"
        app:client { identity = "user:bob" }:set("k", "x")
        app:set("k", "x")
        t.expect(table.concat(sent(app), ", ")):equals("a set k 0 5 1, b set k 0 0 1")
    end)
end)

t.describe("deny", function()
    t.it("refuses clients by name", function()
        local app = over "mg.deny { a, identities = { 'mallory', 'cert:eve' }, error = 'go away' }"
        t.expect(app:client { identity = "user:mallory" }:get "k"):is_error "go away"
        t.expect(app:client { identity = "cert:eve" }:get "k"):is_error "go away"
        t.expect(app:client { identity = "user:eve" }:get "k"):is_miss()
        t.expect(app:get "k"):is_miss()
    end)
end)

t.describe("rate_limit", function()
    t.it("has a rate for each identity", function()
        local app = over "mg.rate_limit { a, rate = 2, by = 'identity' }"
        local one, same = app:client { identity = "user:one" }, app:client { identity = "user:one" }
        local other = app:client { identity = "cert:one" }
        t.expect(one:get "k"):is_miss()
        t.expect(same:get "k"):is_miss()
        t.expect(one:get "k"):is_error "rate limit"
        t.expect(other:get "k"):is_miss()
        t.expect(other:get "k"):is_miss()
        t.expect(other:get "k"):is_error "rate limit"
        t.expect(app:get "k"):is_miss()
        t.advance(1)
        t.expect(same:get "k"):is_miss()
    end)
end)

t.describe("a function", function()
    t.it("sees who asks, also while it waits", function()
        local app = over [[mg.async(function(req)
            local before = req.identity
            mg.sleep(0.1)
            return mg.reply.error(("%s %s %s %s"):format(tostring(before), tostring(req.identity),
                tostring(req:is_from "bob"), tostring(req:is_from "user:bob")))
        end)]]
        local function from(identity)
            local client = identity and app:client { identity = identity } or app
            return client:get "k"
        end
        t.expect(from "user:bob"):is_error "user:bob user:bob true true"
        t.expect(from "cert:bob"):is_error "cert:bob cert:bob true false"
        t.expect(from "cert:a:b"):is_error "cert:a:b cert:a:b false false"
        t.expect(from(nil)):is_error "nil nil false false"
    end)

    t.it("cannot set it, and names of clients are text", function()
        local app = over "function(req) req.identity = 'user:root' return a end"
        t.expect(app:get "k"):is "SERVER_ERROR script error\r\n"
        app = over "function(req) return req:is_from(5) and a or b end"
        t.expect(app:get "k"):is "SERVER_ERROR script error\r\n"
    end)
end)

t.describe("a test's client", function()
    t.it("is a user or has a certificate", function()
        local app = over "a"
        for _, identity in ipairs { "bob", "user:", "cert:", "User:bob" } do
            t.expect(function() app:client { identity = identity } end):raises "takes user:NAME or cert:NAME"
        end
    end)
end)
