--- mg.each: routes to the single servers of a pool; and what policies do with lists of routes.
local t = require "moongate.test"

local A, B, C = "10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211"

-- A script with a pool of two servers and one of one, which returns that route.
local function over(route)
    return t.load_text(([[
        local mg = require "moongate"
        local users = mg.pool { "10.0.0.1:11211", { "10.0.0.2:11211", timeout = 0.3 }, name = "users", timeout = 0.2 }
        local gutter = mg.pool { "10.0.0.3:11211", name = "gutter" }
        return %s]]):format(route))
end

local function fails(route, message)
    t.expect(function() over(route) end):raises(message)
end

t.describe("the routes of mg.each", function()
    t.it("are the servers of the pool, in their order", function()
        local app = over "mg.by_command { get = mg.each(users)[1], default = mg.each(users)[2] }"
        for i = 1, 20 do app:get("k" .. i) end
        app:set("k", "v")
        t.expect(app:server(B):value "k"):equals "v"
        for i = 1, 20 do t.expect(app.sent[i].server):equals(A) end
        t.expect(#app.sent):equals(21)
    end)

    t.it("stand for a policy's list, also beside other routes", function()
        local app = over "mg.all_sync(mg.each(users))"
        app:set("k", "v")
        t.expect(app:server(A):value "k"):equals "v"
        t.expect(app:server(B):value "k"):equals "v"
        app = over "mg.failover { mg.each(users), gutter, on = 'miss' }"
        app:server(C):put("k", "from gutter")
        t.expect(app:get "k"):is_hit "from gutter"
        t.expect(app.sent):equals { { server = A, line = "get k" }, { server = B, line = "get k" },
            { server = C, line = "get k" } }
    end)

    t.it("have the timeout of their server", function()
        local app = over "mg.each(users)[2]"
        app:server(B):is_silent()
        t.expect(app:get "k"):took(0.3)
        app = over "mg.each(mg.each(users)[1])[1]"
        app:server(A):is_silent()
        t.expect(app:get "k"):took(0.2)
    end)

    t.it("follow the pool's order", function()
        local app = t.load_text [=[
            local mg = require "moongate"
            return mg.each(mg.pool { "10.0.0.2:11211", "10.0.0.1:11211", order = "name" })[1]
        ]=]
        app:get "k"
        t.expect(app.sent):equals { { server = A, line = "get k" } }
    end)

    t.it("are explained by the server's name, as places of the pool", function()
        local app = over "mg.failover { mg.each(users), gutter }"
        local told = app:explain "get k"
        t.expect(told.route):equals("failover(server " .. A .. ", server " .. B .. ", pool gutter) -> server " .. A)
        t.expect(told.pool):equals "users"
        t.expect(told.places[2].pool):equals "users"
        t.expect(told.places[2].server):equals(B)
        t.expect(told.places[2].when):equals("on an error of server " .. A)
    end)

    t.it("are not there for what is no pool, or discovers its servers", function()
        fails("mg.all_sync(mg.each(mg.failover { users, gutter }))",
            "mg.each takes a pool, not failover(pool users, pool gutter): mg.each(pool) gives a list")
        fails("mg.all_sync(mg.each { users })", "mg.each takes a pool, not a table")
        fails("mg.all_sync(mg.each())", "mg.each takes a pool, not a nil")
        fails('mg.all_sync(mg.each(mg.pool { discover = "file:///none", name = "found" }))',
            "mg.each: the servers of pool found are discovered, and change while it serves: name them in the pool")
        fails("function() mg.each(users) end and mg.all_sync { { users, 'x' } }", "item 1 takes a route, not a table")
        fails("mg.all_sync { {} }", "item 1 takes a route, not a table")
        fails("mg.hedge { mg.each(users), gutter }", "mg.hedge takes 2 routes, not 3")
        local app = over "function() return mg.each(users)[1] end"
        t.expect(app:get "k"):is_error "script error"
    end)
end)

t.describe("by_command with get and gets", function()
    t.it("sends gets to its own route", function()
        local app = over "mg.by_command { get = users, gets = gutter }"
        app:server(C):put("k", "1")
        t.expect(app:ask "gets k"):is_hit "1"
        t.expect(app:get "k"):is_miss()
    end)

    t.it("sends mg along with gets where it asks for a cas or makes an item", function()
        local app = over "mg.by_command { get = mg.each(users)[1], gets = gutter }"
        for line, server in pairs { ["mg k v"] = A, ["mg k v c"] = C, ["mg k v N30"] = C, ["mg k s R30"] = A } do
            app:forget()
            app:ask(line)
            t.expect(line .. " " .. app.sent[1].server):equals(line .. " " .. server)
        end
    end)

    t.it("leaves mg alone where it is named, or gets is not", function()
        for _, route in ipairs { "{ get = users, gets = gutter, mg = users }", "{ get = users, default = gutter }",
            "{ get = users, gets = gutter, meta = users }" } do
            local app = over("mg.by_command " .. route)
            app:ask "mg k v c"
            t.expect(app.sent[1].server == C):equals(false)
        end
    end)
end)

t.describe("failover by commands", function()
    t.it("leaves out commands that are not among them", function()
        local app = over 'mg.failover { mg.each(users), commands = { "get", "delete" } }'
        app:server(A):errs "full"
        app:server(B):put("k", "from b")
        t.expect(app:get "k"):is_hit "from b"
        t.expect(app:set("k", "v")):is_error "full"
        t.expect(app:server(B):value "k"):equals "from b"
        t.expect(app:ask "delete k"):is "DELETED\r\n"
        t.expect(app:ask "touch k 1"):is_error "full"
        t.expect(#app:explain("set k 0 0 1", "v").places):equals(1)
        t.expect(#app:explain("get k").places):equals(2)
    end)

    t.it("has results of its own for each", function()
        local app = over [[mg.failover { mg.each(users), on = { get = { "miss", "error" }, gets = "miss",
            update = "down", default = "server_error" } }]]
        app:server(B):put("k", "from b")
        t.expect(app:get "k"):is_hit "from b"
        app:server(A):errs "full"
        t.expect(app:get "k"):is_hit "from b"
        t.expect(app:ask "gets k"):is_error "full"
        t.expect(app:set("k", "v")):is_error "full"
        t.expect(app:ask "delete k"):is "DELETED\r\n"
        app:server(A):is_down()
        t.expect(app:set("k", "v")):is "STORED\r\n"
        t.expect(app:ask "delete k"):is_error()
        t.expect(app:explain("set k 0 0 1", "v").places[2].when):equals("on 'down' of server " .. A)
        t.expect(app:explain("get k").places[2].role):equals "on miss"
    end)

    t.it("never goes on with a command that has no results", function()
        local app = over "mg.failover { mg.each(users), on = { get = {}, gat = {}, gats = {} } }"
        app:server(A):is_down()
        app:server(B):put("k", "from b")
        t.expect(app:get "k"):is_error()
        t.expect(app:ask "gat 9 k"):is_error()
        t.expect(app:ask "touch k 9"):is "TOUCHED\r\n"
        t.expect(#app:explain("get k").places):equals(1)
        fails("mg.failover { users, gutter, on = {} }", "option 'on' names no kind of result")
    end)

    t.it("lets the last child make an item only where a miss of that command goes on", function()
        local app = over [[mg.failover { mg.each(users), on = { mg = { "miss", "error" } } }]]
        app:ask "mg k v N30"
        t.expect(app.sent):equals { { server = A, line = "mg k v" }, { server = B, line = "mg k v N30" } }
        app = over [[mg.failover { mg.each(users), on = { ma = { "miss", "error" } } }]]
        app:ask "mg k v N30"
        t.expect(app.sent):equals { { server = A, line = "mg k v N30" } }
    end)

    t.it("is refused where it names no command or no result", function()
        fails("mg.failover { users, gutter, on = { gett = 'miss' } }",
            "takes results, or a table of results by commands (add, append,")
        fails("mg.failover { users, gutter, on = { get = 'mis' } }", "option 'on' option 'get' takes some of hit, miss")
        fails("mg.failover { users, gutter, on = { 'down', get = 'miss' } }", "; there is no command '1'")
        fails("mg.failover { users, gutter, commands = 'got' }", "there is no 'got'")
        fails("mg.latest { users, gutter, on = { get = 1 } }", "option 'on' option 'get' takes some of")
    end)
end)

t.describe("shadow by index_range", function()
    -- How many of 200 gets go to each server, by its letter.
    local function counts(route)
        local app, n = over(route), { a = 0, b = 0, c = 0 }
        for i = 1, 200 do app:get("k" .. i) end
        local letters = { [A] = "a", [B] = "b", [C] = "c" }
        for _, sent in ipairs(app.sent) do n[letters[sent.server]] = n[letters[sent.server]] + 1 end
        t.expect(n.a + n.b):equals(200)
        return n
    end

    t.it("copies the keys of the servers in the range", function()
        local n = counts "mg.shadow { users, to = gutter, index_range = { 1, 2 } }"
        t.expect(n.c):equals(n.b)
        n = counts "mg.shadow { users, to = gutter, index_range = { 0, 1 } }"
        t.expect(n.c):equals(n.a)
        n = counts "mg.shadow { users, to = gutter, index_range = { 0, 9 } }"
        t.expect(n.c):equals(200)
        n = counts "mg.shadow { users, to = gutter, index_range = { 2, 9 } }"
        t.expect(n.c):equals(0)
    end)

    t.it("copies those of a share of the keys among them", function()
        local n = counts "mg.shadow { users, to = gutter, index_range = { 1, 2 }, keys = 0.5 }"
        t.expect(n.c > 0.3 * n.b and n.c < 0.7 * n.b):equals(true)
    end)

    t.it("is that of another pool, where that is named", function()
        local n = counts [[mg.shadow { mg.shadow { users, to = gutter, index_range = { 0, 1 } }, to = gutter,
            index_range = { 1, 2 }, pool = users }]]
        t.expect(n.c):equals(200)
    end)

    t.it("is refused where a key has no server of its own", function()
        fails("mg.shadow { users, to = gutter, index_range = { 1, 1 } }", "with from below to: to is not in the range")
        fails("mg.shadow { users, to = gutter, index_range = { 1 } }", "takes two numbers of servers: { from, to }")
        fails("mg.shadow { users, to = gutter, index_range = { 0.5, 1 } }", "takes a whole number, not 0.5")
        fails("mg.shadow { mg.null(), to = gutter, index_range = { 0, 1 } }",
            "wants a pool as the first route, or as the option 'pool'")
        fails("mg.shadow { users, to = gutter, pool = users, share = 1 }", "option 'pool' goes with 'index_range'")
        fails('mg.shadow { mg.pool { "10.0.0.4", distribution = "random" }, to = gutter, index_range = { 0, 1 } }',
            "not one that is random")
        fails("mg.shadow { users, to = gutter }", "wants 'share', 'keys' or 'index_range'")
    end)
end)
