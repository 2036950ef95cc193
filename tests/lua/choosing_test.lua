--- Policies that choose one route for each request: by its key, its command, its host, by chance.
local t = require "moongate.test"
local three = require "three"

local over, sent, who = three.over, three.sent, three.who

-- Where requests go: a table of lines, or of lines and values, with the letter of the server each.
local function expect_places(app, places)
    for _, place in ipairs(places) do
        app:ask(place[2], place[3])
        t.expect(("%s: %s"):format(place[2], who(app))):equals(("%s: %s"):format(place[2], place[1]))
    end
end

t.describe("by_prefix", function()
    t.it("takes the longest prefix that a key begins with", function()
        expect_places(over 'mg.by_prefix { { ["u:"] = a, ["u:vip:"] = b, ["u:vip:x"] = a }, default = c }', {
            { "a", "get u:1" }, { "a", "get u:" }, { "a", "get u:vip" }, { "b", "get u:vip:1" }, { "b", "get u:vip:" },
            { "a", "get u:vip:x1" }, { "c", "get u" }, { "c", "get v:1" }, { "c", "get xu:1" },
            { "b", "set u:vip:1 0 0 1", "x" }, { "b", "mg u:vip:1 v" }, { "c", "delete k" },
        })
    end)

    t.it("looks up what stands before a separator as a whole", function()
        expect_places(over 'mg.by_prefix { { user = a, page = b }, separator = ":", default = c }', {
            { "a", "get user:1" }, { "b", "get page:1:2" }, { "c", "get users:1" }, { "c", "get use:1" },
            { "c", "get user" }, { "c", "get :user" }, { "a", "get user:" },
        })
        expect_places(over 'mg.by_prefix { { ["x:user"] = a }, separator = ":", parts = 2, default = c }', {
            { "a", "get x:user:1" }, { "c", "get x:users:1" }, { "c", "get x:user" }, { "c", "get user:1" },
        })
        expect_places(over 'mg.by_prefix { { user = a }, separator = "/", anchor = "/svc/", default = c }', {
            { "a", "get /svc/user/1" }, { "c", "get user/1" }, { "c", "get /svc/other/1" }, { "c", "get /svc/user" },
        })
    end)

    t.it("answers with an error what no prefix fits, unless it has a default", function()
        local app = over 'mg.by_prefix { { ["u:"] = a } }'
        t.expect(app:get "k"):is "SERVER_ERROR no route for this key\r\n"
        t.expect(app:get "u:1"):is_miss()
        t.expect(who(app)):equals "a"
    end)

    t.it("sends each key of a get to its own route, and fails only those whose route does", function()
        local app, a, b = over 'mg.by_prefix { { ["u:"] = a, ["p:"] = b }, default = c }'
        a:put("u:1", "one")
        b:put("p:1", "page")
        t.expect(app:get("u:1", "p:1", "none").values):equals { ["u:1"] = "one", ["p:1"] = "page" }
        b:errs "broken"
        local reply = app:get("p:1", "u:1", "none")
        t.expect(reply):is_error "broken"
        t.expect(reply.values):equals { ["u:1"] = "one" }
    end)
end)

t.describe("by_command", function()
    t.it("has groups of commands", function()
        local app = over [[mg.by_command {
            get = a, update = b, delete = c, arithmetic = a, touch = b, default = mg.error "rest" }]]
        expect_places(app, {
            { "a", "get k" }, { "a", "gets k" }, { "a", "mg k v" }, { "b", "set k 0 0 1", "1" },
            { "b", "add k 0 0 1", "1" }, { "b", "replace k 0 0 1", "1" }, { "b", "append k 0 0 1", "1" },
            { "b", "prepend k 0 0 1", "1" }, { "b", "cas k 0 0 1 5", "1" }, { "b", "ms k 1", "1" },
            { "c", "delete k" }, { "c", "md k" }, { "a", "incr k 1" }, { "a", "decr k 1" }, { "a", "ma k" },
            { "b", "touch k 5" }, { "b", "gat 5 k" }, { "b", "gats 5 k" },
        })
    end)

    t.it("takes a command before meta, and that before the other groups", function()
        expect_places(over "mg.by_command { get = a, meta = b, md = c, set = c, update = a, default = a }", {
            { "a", "get k" }, { "b", "mg k v" }, { "b", "ms k 1", "x" }, { "c", "md k" }, { "c", "set k 0 0 1", "x" },
            { "a", "add k 0 0 1", "x" }, { "a", "delete k" },
        })
    end)

    t.it("answers the rest with an error, unless it has a default", function()
        local app, a = over "mg.by_command { get = a }"
        t.expect(app:delete "k"):is "SERVER_ERROR no route for this command\r\n"
        t.expect(who(app)):equals ""
        a:is_silent()
        local reply = app:get "k"
        t.expect(reply):is_error "timeout"
        t.expect(reply):took(0.2)
    end)
end)

-- Of keys k1 to k400: the letters of where each goes, in one string, and how many go to each.
local function spread(app)
    local counts = { a = 0, b = 0, c = 0 }
    app:forget()
    for i = 1, 400 do app:get("k" .. i) end
    local letters = who(app)
    for letter in letters:gmatch "." do counts[letter] = counts[letter] + 1 end
    return letters, counts
end

local function expect_between(value, least, most)
    t.expect(("%d is in %d to %d: %s"):format(value, least, most, value >= least and value <= most))
        :equals(("%d is in %d to %d: true"):format(value, least, most))
end

t.describe("hash", function()
    t.it("sends a key always to the same route, and about as many to each", function()
        local app = over "mg.hash { a, b, c }"
        local places, counts = spread(app)
        for _, count in pairs(counts) do expect_between(count, 80, 190) end
        t.expect((spread(app))):equals(places)
    end)

    t.it("spreads by weights, and otherwise with another salt", function()
        local _, counts = spread(over "mg.hash { a, b, weights = { 3, 1 } }")
        expect_between(counts.a, 260, 340)
        t.expect((spread(over 'mg.hash { a, b, c, salt = "x" }'))):differs((spread(over "mg.hash { a, b, c }")))
    end)

    t.it("hashes the part of a key between tags alone", function()
        local app = over 'mg.hash { a, b, c, hash_tag = "{}" }'
        local _, counts = spread(app)
        t.expect(counts.a > 0 and counts.b > 0 and counts.c > 0):equals(true)
        for i = 1, 40 do app:get(("k%d{same}"):format(i)) end
        local letters = who(app)
        t.expect(letters):equals(letters:sub(1, 1):rep(40))
    end)

    t.it("sends no key elsewhere because its route is down", function()
        local app, a = over "mg.hash { a, b }"
        local places = spread(app)
        a:is_down()
        for i = 1, 40 do
            local reply = app:get("k" .. i)
            t.expect(reply.kind):equals(places:sub(i, i) == "a" and "error" or "miss")
        end
    end)
end)

t.describe("random", function()
    t.it("asks any of its routes for any key, one of them", function()
        local app = over "mg.random { a, b, c }"
        local _, counts = spread(app)
        t.expect(counts.a + counts.b + counts.c):equals(400)
        for _, count in pairs(counts) do expect_between(count, 90, 180) end
        for _ = 1, 60 do app:get "same" end
        local letters = who(app)
        t.expect(letters:find "a" and letters:find "b" and letters:find "c" and true):equals(true)
    end)

    t.it("tells the error of the one that it has asked", function()
        local app, a, b = over "mg.random { a, b }"
        a:errs "at a"
        b:errs "at b"
        for _ = 1, 20 do
            local reply = app:get "k"
            t.expect(reply):is("SERVER_ERROR at " .. who(app) .. "\r\n")
        end
    end)
end)

-- In which order the routes are tried on that host: all of them err.
local function order_on(host, options)
    local app, a, b, c = over(('mg.latest { a, b, c, host = "%s", %s }'):format(host, options or ""))
    for _, server in ipairs { a, b, c } do server:errs "broken" end
    t.expect(app:get "k"):is_error "broken"
    return who(app)
end

t.describe("latest", function()
    t.it("takes the same route for all keys, and hosts spread over them", function()
        local app = over 'mg.latest { a, b, c, host = "web1" }'
        local letters = spread(app)
        t.expect(letters):equals(letters:sub(1, 1):rep(400))
        local firsts = {}
        for i = 1, 30 do firsts[i] = order_on("web" .. i):sub(1, 1) end
        local all = table.concat(firsts)
        t.expect(all:find "a" and all:find "b" and all:find "c" and true):equals(true)
    end)

    t.it("goes on to the next where it errs, as often as it may", function()
        local order = order_on "web1"
        t.expect(#order):equals(3)
        t.expect(order_on("web1", "tries = 2")):equals(order:sub(1, 2))
        t.expect(order_on("web1", "tries = 1")):equals(order:sub(1, 1))
    end)

    t.it("goes on after a miss that on names", function()
        local app, a, b, c = over 'mg.latest { a, b, c, host = "web1", on = "miss" }'
        t.expect(app:get "k"):is_miss()
        t.expect(who(app)):equals(order_on "web1")
        for _, server in ipairs { a, b, c } do server:errs("broken", 1) end
        t.expect(app:get "k"):is_error "broken"
    end)

    t.it("is almost always at the route with almost all the weight", function()
        local at_c = 0
        for i = 1, 40 do
            at_c = at_c + (order_on("web" .. i, "weights = { 0.01, 0.01, 10 }"):sub(1, 1) == "c" and 1 or 0)
        end
        expect_between(at_c, 38, 40)
    end)
end)

t.describe("key_split", function()
    t.it("reads one copy, and writes all", function()
        local app, a = over "mg.key_split { a, 3, id = 1 }"
        app:set("k", "value")
        t.expect(sent(app)):equals { "a set k::1 0 0 5", "a set k::2 0 0 5", "a set k 0 0 5" }
        t.expect(app:get "k"):is "VALUE k 0 5\r\nvalue\r\nEND\r\n"
        t.expect(app:gat(9, "k")):is "VALUE k 0 5\r\nvalue\r\nEND\r\n"
        t.expect(sent(app)):equals { "a get k::1", "a gat 9 k::1" }
        app:delete "k"
        t.expect({ a:value "k", a:value "k::1", a:value "k::2" }):equals {}
    end)

    t.it("reads the key itself where the id says so", function()
        local app = over "mg.key_split { a, 3, id = 6 }"
        app:get "k"
        t.expect(sent(app)):equals { "a get k" }
    end)

    -- Copies of the key "k" on servers of their own: k, k::1 and k::2 by turns.
    local COPIES = [[mg.key_split { mg.by_prefix { { k = a, ["k::1"] = b, ["k::2"] = c } }, 3, id = 1, %s }]]

    t.it("waits for its own copy alone when it writes", function()
        local app, a, b, c = over(COPIES:format "")
        a:is_down()
        c:is_slow(0.3)
        b:is_slow(0.1)
        local reply = app:set("k", "value")
        t.expect(reply):is "STORED\r\n"
        t.expect(reply):took(0.1)
        b:errs "full"
        t.expect(app:set("k", "value")):is_error "full"
    end)

    t.it("waits for all copies with all_sync, and tells the worst result", function()
        local app, a, b, c = over(COPIES:format "all_sync = true")
        c:is_slow(0.3)
        local reply = app:set("k", "value")
        t.expect(reply):is "STORED\r\n"
        t.expect(reply):took(0.3)
        a:is_down()
        t.expect(app:set("k", "value")):is_error "10.0.0.1:11211"
        t.expect(b:value "k::1"):equals "value"
    end)

    t.it("finds in another copy what its own does not have with first_hit", function()
        local app, a, b, c = over(COPIES:format "first_hit = true")
        c:put("k::2", "two")
        t.expect(app:get "k"):is "VALUE k 0 3\r\ntwo\r\nEND\r\n"
        t.expect(three.whom(app)):equals "abc"
        b:is_down()
        a:errs "broken"
        t.expect(app:get "k"):is_hit "two"
        t.expect(app:get "kx"):is_error()
        local without = over(COPIES:format "")
        without:server(c.name):put("k::2", "two")
        t.expect(without:get "k"):is_miss()
    end)
end)
