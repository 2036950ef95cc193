-- Tests of 21-tested.lua: its servers are fakes in memory, and the clock is the test's own.
local t = require "moongate.test"

t.describe("users", function()
    local app, server, gutter

    t.before(function()
        app = t.load "21-tested.lua"
        server = app:server(app:explain("get user:1").server) -- of the two, the one that has this key
        gutter = app:server "127.0.0.1:11313"
    end)

    t.it("expire after an hour", function()
        app:set("user:1", "Ada")
        t.advance(3599)
        t.expect(app:get "user:1"):is_hit "Ada"
        t.advance(1)
        t.expect(app:get "user:1"):is_miss()
    end)

    t.it("go to the gutter while their server is down", function()
        server:is_down()
        t.expect(app:set("user:1", "Ada")):is "STORED\r\n"
        t.expect(app.sent):equals { { server = gutter.name, line = "set user:1 0 3600 3", value = "Ada" } }
    end)

    t.it("wait 0.2 s for a server, then ask the second pool", function()
        server:is_silent()
        gutter:put("user:1", "Ada")
        local reply = app:get "user:1"
        t.expect(reply):is_hit "Ada"
        t.expect(reply):took(0.2)
    end)
end)
