--- What the routes of routelib's configurations are made of: failovers that count, the last of several results, and
-- servers that are kept down.
local t = require "moongate.test"
local three = require "three"

local over, who, whom = three.over, three.who, three.whom

-- A script whose root also answers a get of "retries" with the counter's value.
local function counting(route)
    return t.load_text(([[
        local mg = require "moongate"
        local a = mg.pool { "10.0.0.1:11211", name = "a" }
        local b = mg.pool { "10.0.0.2:11211", name = "b" }
        local c = mg.pool { "10.0.0.3:11211", name = "c" }
        local retries = mg.counter "retries"
        local route = %s
        return function(req)
            if req.key == "retries" then return mg.reply.value(tostring(retries.value)) end
            return route
        end]]):format(route))
end

t.describe("retries", function()
    t.it("counts each route that is asked after the first", function()
        local app = counting 'mg.failover { a, b, c, on = { "error", "miss" }, retries = retries }'
        app:server("10.0.0.1:11211"):put("one", "x")
        app:server("10.0.0.2:11211"):put("two", "x")
        t.expect(app:get "one"):is_hit()
        t.expect(app:get "retries"):is_hit "0"
        t.expect(app:get "two"):is_hit()
        t.expect(app:get "retries"):is_hit "1"
        t.expect(app:get "none"):is_miss()
        t.expect(app:get "retries"):is_hit "3"
    end)

    t.it("counts those after a host's first in latest", function()
        local app = counting 'mg.latest { a, b, c, host = "web1", on = "miss", retries = retries }'
        t.expect(app:get "none"):is_miss()
        t.expect(app:get "retries"):is_hit "2"
    end)

    t.it("wants a counter", function()
        t.expect(function() counting "mg.failover { a, b, retries = true }" end)
            :raises "option 'retries' takes a counter, as mg.counter gives it, not a boolean"
        t.expect(function() counting 'mg.failover { a, b, retries = mg.gauge "g" }' end)
            :raises "option 'retries' takes a counter, as mg.counter gives it, not a cdata"
    end)
end)

t.describe("all_sync with the last result", function()
    local app, a, b, c

    t.before(function()
        app, a, b, c = over 'mg.all_sync { a, b, c, result = "last" }'
    end)

    t.it("answers as the last route does, whatever the others found", function()
        c:put("k", "from c")
        t.expect(app:get "k"):is_hit "from c"
        t.expect(app:delete "k"):is "DELETED\r\n"
        a:put("k", "from a")
        t.expect(app:get "k"):is_miss()
        t.expect(whom(app)):equals "aaabbbccc"
    end)

    t.it("waits for it, whenever it comes", function()
        c:put("k", "from c"):is_slow(0.1)
        local reply = app:get "k"
        t.expect(reply):is_hit "from c"
        t.expect(reply):took(0.1)
        c:is_up()
        a:is_slow(0.15)
        reply = app:get "k"
        t.expect(reply):is_hit "from c"
        t.expect(reply):took(0.15)
    end)

    t.it("answers the first error in the order of the routes", function()
        c:put("k", "from c")
        b:errs "at b"
        t.expect(app:get "k"):is_error "at b"
        a:errs "at a"
        t.expect(app:get "k"):is_error "at a"
        a:is_down()
        t.expect(app:get "k"):is_error "10.0.0.1:11211"
        a:is_up()
        b:is_up()
        t.advance(20)
        c:errs "at c"
        t.expect(app:get "k"):is_error "at c"
    end)

    t.it("compares a cas at the first route, and shows its cas", function()
        for _, server in ipairs { a, b, c } do server:put("k", "x") end
        local reply = app:gets "k"
        t.expect(reply):is_hit "x"
        t.expect(reply.cas):equals(a:item("k").cas)
        app:forget()
        t.expect(app:cas("k", "y", reply.cas)):is "STORED\r\n"
        t.expect(who(app):sub(1, 1)):equals "a"
        t.expect(c:value "k"):equals "y"
        t.expect(app:cas("k", "z", reply.cas)):is "EXISTS\r\n"
        t.expect(c:value "k"):equals "y"
    end)

    t.it("takes no other word", function()
        t.expect(function() over 'mg.all_sync { a, b, result = "first" }' end)
            :raises "option 'result' takes one of last, worst, not first"
    end)
end)

t.describe("a server that is kept down", function()
    local script = [[
        local mg = require "moongate"
        local pool = mg.pool { distribution = "jump", "10.0.0.1:11211", { "10.0.0.2:11211", down = true } }
        return mg.failover { pool, mg.pool { "10.0.0.3:11211" } }]]

    t.it("is never asked, and keeps its keys", function()
        local app = t.load_text(script)
        local kept, others = app:server "10.0.0.2:11211", { ["10.0.0.1:11211"] = 0, ["10.0.0.3:11211"] = 0 }
        kept:hits "wrong"
        for i = 1, 40 do
            local key = "key" .. i
            local is_its = app:explain("get " .. key).server == kept.name
            app:forget()
            t.expect(app:get(key)):is_miss()
            local sent = app.sent[1].server
            t.expect(sent):equals(is_its and "10.0.0.3:11211" or "10.0.0.1:11211")
            others[sent] = others[sent] + 1
        end
        t.expect(others["10.0.0.1:11211"] > 5 and others["10.0.0.3:11211"] > 5):equals(true)
        t.advance(60)
        t.expect(app:get "key1"):is_miss()
    end)

    t.it("fails its calls at once, and says why", function()
        local app = t.load_text [[return require "moongate".pool { { "10.0.0.1:11211", down = true } }]]
        for _ = 1, 2 do
            local reply = app:get "k"
            t.expect(reply):is "SERVER_ERROR 10.0.0.1:11211 kept down by its option `down`\r\n"
            t.expect(reply):took(0)
            t.advance(30)
        end
        app:reload("x.lua", [[return require "moongate".pool { "10.0.0.1:11211" }]])
        t.expect(app:get "k"):is_miss()
    end)
end)
