--- mg.listen: clients of a listener get its route, whatever kind of route that is.
local t = require "moongate.test"

local A, B = "10.0.0.1:11211", "10.0.0.2:11211"

local EACH = [[
    local mg = require "moongate"
    local a, b = mg.pool { "10.0.0.1:11211", name = "a" }, mg.pool { "10.0.0.2:11211", name = "b" }
    mg.listen { "10.9.0.1:1", a, name = "pool" }
    mg.listen { "10.9.0.1:2", mg.failover { a, b }, name = "policy" }
    mg.listen { "10.9.0.1:3", function(req) req.key = "f:" .. req.key return b end, name = "function" }
    mg.listen { "10.9.0.1:4", name = "waiting", mg.async(function(req)
        local res = mg.call(a, req)
        return res:is_hit() and res or mg.call(b, req)
    end) }
    mg.listen { "10.9.0.1:5", mg.reply.error "closed", name = "reply" }
    mg.listen { "10.9.0.1:6", mg.by_prefix { { ["b:"] = function() return b end }, default = a }, name = "chooser" }
    mg.listen { "10.9.0.1:7", name = "none" } ]]

local RETURNED = EACH .. "return function(req) return mg.reply.error('returned ' .. tostring(req.listener)) end"

local function at(app, name) return app:client { listener = name } end

t.describe("a listener's clients", function()
    local app

    t.before(function() app = t.load_text(RETURNED) end)

    t.it("get its route", function()
        at(app, "pool"):set("k", "1")
        at(app, "function"):set("k", "2")
        at(app, "chooser"):set("b:k", "3")
        at(app, "chooser"):set("k", "4")
        t.expect(app.sent):equals {
            { server = A, line = "set k 0 0 1", value = "1" },
            { server = B, line = "set f:k 0 0 1", value = "2" },
            { server = B, line = "set b:k 0 0 1", value = "3" },
            { server = A, line = "set k 0 0 1", value = "4" },
        }
        t.expect(at(app, "waiting"):get "f:k"):is_hit "2"
        t.expect(at(app, "reply"):get "k"):is_error "closed"
        app:server(A):is_down()
        t.expect(at(app, "policy"):get "f:k"):is_hit "2"
    end)

    t.it("get the returned route where it has none, and know its name", function()
        t.expect(at(app, "none"):get "k"):is_error "returned none"
        t.expect(at(app, "10.9.0.1:7"):get "k"):is_error "returned none" -- the address is a name, too
        t.expect(at(app, "elsewhere"):get "k"):is_error "returned elsewhere"
        t.expect(app:get "k"):is_error "returned nil"
    end)

    t.it("get it for each key of a get, and beside others in one turn", function()
        at(app, "pool"):set("k", "a")
        at(app, "function"):set("k", "b")
        local one, two = at(app, "pool"), at(app, "function")
        local first, second = one:begin "get k k x", two:begin "get k x k"
        t.advance(0.01)
        t.expect(first.text):equals "VALUE k 0 1\r\na\r\nVALUE k 0 1\r\na\r\nEND\r\n"
        t.expect(second.text):equals "VALUE k 0 1\r\nb\r\nVALUE k 0 1\r\nb\r\nEND\r\n"
    end)

    t.it("are explained by it", function()
        t.expect(at(app, "pool"):explain("get k").server):equals(A)
        t.expect(at(app, "function"):explain("get k").server):equals(B)
        t.expect(at(app, "chooser"):explain("get b:k").server):equals(B)
        t.expect(at(app, "waiting"):explain("get k").server):equals(A)
        t.expect(at(app, "reply"):explain("get k").route):equals "reply error closed"
    end)

    t.it("stay with it over reloads, by address and by name", function()
        local pool, gone = at(app, "10.9.0.1:1"), at(app, "reply")
        t.expect(gone:get "k"):is_error "closed"
        app:reload("other.lua", [[
            local mg = require "moongate"
            mg.listen { "10.9.0.1:1", mg.reply.error "renamed", name = "new" }
            mg.listen { "10.9.0.1:2", mg.reply.error "other", name = "old" }]])
        t.expect(pool:get "k"):is_error "renamed"
        t.expect(gone:get "k"):is_error "the script has no listener reply: connect to another"
        app:reload("third.lua", [[
            local mg = require "moongate"
            mg.listen { "10.9.0.9:1", mg.reply.error "moved", name = "reply" }]])
        t.expect(gone:get "k"):is_error "moved"
        app:reload("last.lua", [[
            local mg = require "moongate"
            return mg.reply.error "plain"]])
        t.expect(gone:get "k"):is_error "plain"
        t.expect(pool:get "k"):is_error "plain"
    end)
end)
