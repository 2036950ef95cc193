--- Clients of moongate.test: their addresses and listeners; and the places that app:explain lists.
local t = require "moongate.test"

local A, B = "10.0.0.1:11211", "10.0.0.2:11211"

local ONE = [[
    local mg = require "moongate"
    return mg.pool { "10.0.0.1:11211", timeout = 0.5 }]]

local function one(text) return t.load_text(text or ONE) end

t.describe("a client", function()
    local WHO = [[
        local mg = require "moongate"
        local a, b = mg.pool { "10.0.0.1:11211" }, mg.pool { "10.0.0.2:11211" }
        return function(req)
            if req.has_prefix(req, "who") then
                return mg.reply.error(tostring(req.client) .. " " .. tostring(req.listener))
            end
            return req.listener == "admin" and b or a
        end]]

    t.it("may have an address and a listener", function()
        local app = one(WHO)
        local admin = app:client { address = "10.9.8.7:65", listener = "admin" }
        t.expect(app:get "who"):is_error "unix nil"
        t.expect(admin:get "who"):is_error "10.9.8.7:65 admin"
        t.expect(app:client { listener = "other" }:get "who"):is_error "unix other"
        t.expect(app:client { address = "[::1]:4" }:get "who"):is_error "[::1]:4 nil"
        t.expect(app:client():get "who"):is_error "unix nil"
        admin:set("k", "v")
        t.expect(app.sent):equals { { server = B, line = "set k 0 0 1", value = "v" } }
        t.expect(app:explain("get k").server):equals(A)
        t.expect(admin:explain("get k").server):equals(B)
    end)

    t.it("has the address that was given also after a reload", function()
        local app = one(ONE)
        local admin = app:client { address = "10.9.8.7:65", listener = "admin" }
        app:reload("other.lua", WHO)
        t.expect(admin:get "who"):is_error "10.9.8.7:65 admin"
    end)

    t.it("takes no other options", function()
        local app = one(WHO)
        t.expect(function() app:client { adress = "x" } end)
            :raises "no option 'adress'; it has: address, identity, listener"
        t.expect(function() app:client { listener = 1 } end):raises "takes a string of 1 to 200 characters, not 1"
        t.expect(function() app:client "x" end):raises "client takes a table"
        for i = 1, 128 do app:client { listener = "l" .. i } end
        t.expect(function() app:client { listener = "l129" } end):raises "128 listeners at most"
    end)
end)

t.describe("explain", function()
    t.it("lists every place of a request", function()
        local app = one [[
            local mg = require "moongate"
            local a = mg.pool { "10.0.0.1:11211", name = "a" }
            local b = mg.pool { "10.0.0.2:11211", name = "b" }
            local both = mg.shadow { a, to = b, share = 0.5 }
            return function(req) return req:has_prefix "both" and both or a end]]
        t.expect(app:explain("get k").places):equals {
            { pool = "a", server = A, role = "main", when = "always", share = 1, request = "get k" } }
        local places = app:explain("get both").places
        t.expect(#places):equals(2)
        t.expect(places[2]):equals { pool = "b", server = B, role = "background", share = 0.5,
            when = "while fewer than 1000 are in flight", request = "get both" }
        t.expect(app.sent):equals {}
    end)
end)
