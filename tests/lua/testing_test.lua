--- moongate.test itself: what its fake servers answer, how its clock goes, and what its expectations say.
local t = require "moongate.test"

local A, B = "10.0.0.1:11211", "10.0.0.2:11211"

local ONE = [[
    local mg = require "moongate"
    return mg.pool { "10.0.0.1:11211", timeout = 0.5 }]]

local function one(text) return t.load_text(text or ONE) end

-- What an expectation that fails says.
local function said(f)
    local good, text = pcall(f)
    t.expect(good):equals(false)
    return text
end

t.describe("a fake server", function()
    t.it("is a small memcached", function()
        local app = one()
        t.expect(app:set("k", "value", 5)):is "STORED\r\n"
        t.expect(app:add("k", "other")):is_refused()
        t.expect(app:replace("k", "new", 6)):is_hit()
        t.expect(app:append("k", "er")):is_hit()
        t.expect(app:prepend("k", "very ")):is_hit()
        t.expect(app:get "k"):is "VALUE k 6 10\r\nvery newer\r\nEND\r\n"
        t.expect(app:replace("none", "x")):is "NOT_STORED\r\n"
        t.expect(app:delete "k"):is "DELETED\r\n"
        t.expect(app:delete "k"):is "NOT_FOUND\r\n"
    end)

    t.it("counts", function()
        local app = one()
        app:set("n", "5")
        t.expect(app:incr("n", 10)):is "15\r\n"
        t.expect(app:decr "n"):is_hit "14"
        t.expect(app:decr("n", 100)):is "0\r\n"
        t.expect(app:incr "none"):is_miss()
        app:set("n", "word")
        t.expect(app:incr "n"):is_error "non-numeric"
    end)

    t.it("compares", function()
        local app = one()
        app:set("k", "1")
        local seen = app:gets "k"
        app:set("k", "2")
        t.expect(app:cas("k", "3", seen.cas)):is "EXISTS\r\n"
        t.expect(app:cas("k", "3", app:gets("k").cas)):is "STORED\r\n"
        t.expect(app:cas("none", "3", 1)):is_miss()
    end)

    t.it("lets items expire", function()
        local app = one()
        app:set("k", "v", 0, 10)
        app:set("for_ever", "v")
        app:set("dead", "v", 0, -1)
        t.expect(app:get "dead"):is_miss()
        t.advance(9.9)
        t.expect(app:get "k"):is_hit "v"
        t.expect(app:touch("k", 60)):is "TOUCHED\r\n"
        t.advance(59)
        t.expect(app:gat(5, "k")):is_hit "v"
        t.advance(5)
        t.expect(app:get "k"):is_miss()
    end)

    t.it("speaks the meta commands", function()
        local app = one()
        t.expect(app:ask("ms k 5 T60 F7 c", "value").text):contains "HD c"
        t.expect(app:ask "mg k v f t s k Oabc"):is "VA 5 f7 t60 s5 kk Oabc\r\nvalue\r\n"
        t.expect(app:ask "mg aw== b v"):is "VA 5 b\r\nvalue\r\n"
        t.expect(app:ask "mg none v"):is "EN\r\n"
        t.expect(app:ask "mg none v q"):is ""
        t.expect(app:ask "mg k v q"):is "VA 5\r\nvalue\r\n"
        t.expect(app:ask("ms k 1 ME", "x")):is_refused()
        t.expect(app:ask("ms k 1 C1234", "x")):is "EX\r\n"
        t.expect(app:ask "md k q"):is ""
        t.expect(app:ask "md k"):is_miss()
        t.expect(app:ask "ma n N0 J5 v"):is "VA 1\r\n5\r\n"
        t.expect(app:ask "ma n D3 v"):is_hit "8"
        t.expect(app:ask "ma n MD v"):is_hit "7"
    end)

    t.it("can be told what to answer", function()
        local app = one()
        local server = app:server(A)
        server:put("k", "real")
        server:hits "made up"
        t.expect(app:get "whatever"):is_hit "made up"
        t.expect(app:set("whatever", "x")):is "STORED\r\n"
        t.expect(app:add("whatever", "x")):is "STORED\r\n"
        t.expect(app:delete "whatever"):is "DELETED\r\n"
        t.expect(app:ask "mg whatever v"):is "VA 7\r\nmade up\r\n"
        server:misses()
        t.expect(app:get "k"):is_miss()
        t.expect(app:set("k", "x")):is_refused()
        t.expect(app:touch("k", 5)):is "NOT_FOUND\r\n"
        server:errs "out of memory"
        t.expect(app:get "k"):is "SERVER_ERROR out of memory\r\n"
        server:is_up()
        t.expect(app:get "k"):is_hit "real"
        server:forgets()
        t.expect(app:get "k"):is_miss()
    end)

    t.it("does so as often as it is told", function()
        local app = one()
        app:server(A):put("k", "v"):errs("first", 1)
        t.expect(app:get "k"):is_error "first"
        t.expect(app:get "k"):is_hit "v"
        app:server(A):misses(2)
        t.expect({ app:get("k").kind, app:get("k").kind, app:get("k").kind }):equals { "miss", "miss", "hit" }
    end)

    t.it("can be slow", function()
        local app = one()
        app:server(A):put("k", "v"):is_slow(0.3)
        local reply = app:get "k"
        t.expect(reply):is_hit "v"
        t.expect(reply):took(0.3)
        app:server(A):is_slow(0.6, 1)
        t.expect(app:get "k"):is_error "timeout"
        t.expect(app:get "k"):is_hit "v"
    end)

    t.it("can be silent, and then says what it has not said", function()
        local app = one()
        local server = app:server(A):is_silent()
        t.expect(app:set("k", "v")):is_error "timeout"
        t.expect(server:value "k"):equals(nil)
        server:is_up()
        t.expect(server:value "k"):equals "v"
        t.expect(app:get "k"):is_hit "v"
    end)

    t.it("can be down, and is found again when it is up", function()
        local app = one()
        app:server(A):is_down()
        t.expect(app:get "k"):is_error "Connection refused"
        t.expect(app.sent):equals {}
        app:server(A):is_up()
        t.advance(20)
        t.expect(app:get "k"):is_miss()
    end)

    t.it("whose bytes are no response costs the connection", function()
        local app = one()
        app:server(A):answers("VALUE other 0 1\r\nx\r\nEND", 1)
        t.expect(app:get "k"):is_error "desync"
        t.expect(app:get "k"):is_miss()
    end)
end)

t.describe("a test", function()
    t.it("has a clock that stands still", function()
        local began = t.now()
        t.expect(began):equals(1767225600)
        local app = one()
        for _ = 1, 100 do app:get "k" end
        t.expect(t.now()):equals(began)
        t.advance(86400)
        t.expect(math.abs(t.now() - began - 86400) < 0.01):equals(true)
    end)

    t.it("sees the script's time go by the same clock", function()
        local app = one [[
            local mg = require "moongate"
            local pool = mg.pool { "10.0.0.1:11211" }
            return mg.async(function(req)
                local clocks = { os.time, mg.time, mg.now, function() return os.time(os.date "*t") end }
                local before, passed = {}, {}
                for i, clock in ipairs(clocks) do before[i] = clock() end
                mg.sleep(90)
                for i, clock in ipairs(clocks) do passed[i] = ("%.0f"):format(clock() - before[i]) end
                return mg.reply.error(("%d: %s"):format(before[1], table.concat(passed, " ")))
            end)]]
        local reply = app:get "k"
        t.expect(reply):is "SERVER_ERROR 1767225600: 90 90 90 90\r\n"
        t.expect(reply):took(90, 0.1)
    end)

    t.it("lets happen what is due at the very moment to which time moves on", function()
        local app = one [[
            local mg = require "moongate"
            local a = mg.pool { "10.0.0.1:11211" }
            local delays = {}
            for i = 1, 20 do delays["k" .. i .. ":"] = mg.delay { a, before = i / 37, after = i / 91 } end
            return mg.by_prefix { delays }]]
        for i = 1, 20 do
            local reply = app:begin(("get k%d:"):format(i))
            t.advance(i / 37)
            t.expect(#app.sent):equals(i)
            t.expect(reply):is_waiting()
            t.advance(i / 91)
            t.expect(reply):is_miss()
        end
    end)

    t.it("fires the script's timers when their time comes", function()
        local app = one [[
            local mg = require "moongate"
            local pool = mg.pool { "10.0.0.1:11211" }
            local times, began = {}, mg.now()
            mg.timer.every(7.5, function() times[#times + 1] = ("%.2f"):format(mg.now() - began) end)
            mg.timer.after(20, function()
                times[#times + 1] = "once " .. mg.time()
                mg.spawn(pool, mg.request.set("from_timer", "x"))
            end)
            return function(req) return mg.reply.error(#times > 0 and table.concat(times, ", ") or "none") end]]
        t.expect(app:get "k"):is_error "none"
        t.advance(7.4)
        t.expect(app:get "k"):is_error "none"
        t.advance(0.2)
        t.expect(app:get "k"):is_error "7.50"
        t.advance(22.5)
        t.expect(app:get "k"):is_error "7.50, 15.00, once 1767225620"
        t.expect(app:server(A):value "from_timer"):equals "x"
    end)

    t.it("has counters and dictionaries of its own", function()
        for _ = 1, 2 do
            local app = one [[
                local mg = require "moongate"
                local seen = mg.shared("seen", "64k")
                return function(req)
                    return mg.reply.error(("%d of %d"):format(seen:incr(req.key, 1, 0, 60), mg.worker.count))
                end]]
            t.expect(app:get "k"):is_error "1 of 1"
            t.expect(app:get "k"):is_error "2 of 1"
            t.advance(61)
            t.expect(app:get "k"):is_error "1 of 1"
        end
    end)

    t.it("needs no name of a server to be known to anybody", function()
        local app = one 'local mg = require "moongate" return mg.pool { "cache1.does.not.exist:11211" }'
        app:server("cache1.does.not.exist:11211"):put("k", "v")
        t.expect(app:get "k"):is_hit "v"
    end)

    t.it("may wait for a reply or not", function()
        local app = one()
        app:server(A):is_slow(0.2)
        local reply = app:begin "get k"
        t.expect(reply):is_waiting()
        t.advance(0.19)
        t.expect(reply):is_waiting()
        t.advance(0.02)
        t.expect(reply):is_miss()
        t.expect(reply):took(0.2)
    end)

    t.it("has clients whose replies come in their order", function()
        local app = one()
        local other = app:client()
        app:server(A):put("slow", "1"):put("fast", "2"):is_slow(0.1, 1)
        local first, second = app:begin "get slow", app:begin "get fast"
        local third = other:begin "get fast"
        t.advance(0.1)
        t.expect({ first.value, second.value, third.value }):equals { "1", "2", "2" }
        other:hang_up()
        t.expect(app:get "fast"):is_hit "2"
    end)

    t.it("is answered what moongate answers itself", function()
        local app = one()
        t.expect(app:ask "version"):is "VERSION 1.6.18\r\n"
        t.expect(app:ask("stats").text):contains "STAT cmd_get 0\r\n"
        t.expect(app:ask "bogus"):is_error "ERROR"
        t.expect(app:ask "get"):is "ERROR\r\n"
        t.expect(app:ask("set k 0 0 5 noreply", "value")):is ""
        t.expect(app:get "k"):is_hit "value"
        t.expect(app:ask("quit").kind):equals "closed"
        t.expect(app:ask("stats proxy").kind):equals "closed"
    end)

    t.it("reads large values and many keys", function()
        local app = one()
        local value = ("x"):rep(700000)
        t.expect(app:set("k", value)):is_hit()
        t.expect(app:get("k").value == value):equals(true)
        app:set("a", "1", 3)
        t.expect(app:get("a", "none", "k", "a").items[1]):equals { key = "a", value = "1", flags = 3 }
        t.expect(#app:get("a", "none", "k", "a").items):equals(3)
    end)

    t.it("sees what was sent, rewritten, and where it would go", function()
        local app = one [[
            local mg = require "moongate"
            local a = mg.pool { "10.0.0.1:11211", name = "a" }
            local b = mg.pool { "10.0.0.2:11211", name = "b" }
            return function(req)
                if req:has_prefix "x:" then req.key = "y:" .. req.key:sub(3) return b end
                return a
            end]]
        app:server(B):put("y:1", "v")
        t.expect(app:get("k", "x:1")):is "VALUE x:1 0 1\r\nv\r\nEND\r\n"
        t.expect(app.sent):contains { server = B, line = "get y:1" }
        t.expect(app.sent):contains { server = A, line = "get k" }
        app:forget()
        t.expect(app.sent):equals {}
        local way = app:explain "get x:1"
        t.expect(way.server):equals(B)
        t.expect(way.request):equals "get y:1"
        t.expect(way.route):contains "(text):4 -> pool b"
        t.expect(app.sent):equals {}
    end)

    t.it("may load several scripts, each with servers of its own, and mg.servers", function()
        local first, second = one(), one()
        first:set("k", "1")
        t.expect(second:get "k"):is_miss()
        local third = t.load_text('local mg = require "moongate" return mg.pool(mg.servers)', { servers = { A, B } })
        t.expect(third:get "k"):is_miss()
        t.expect(third:server(B).name):equals(B)
    end)

    t.it("may reload a script while it runs", function()
        local app = one()
        app:server(A):put("k", "v")
        app:reload("new.lua", 'local mg = require "moongate" return function() return mg.reply.error "new" end')
        t.expect(app:get "k"):is_error "new"
        t.expect(function() app:reload("bad.lua", "return 5") end):raises "not a number"
        t.expect(app:get "k"):is_error "new"
    end)

    t.it("hears why a script does not load", function()
        t.expect(function() t.load_text 'local mg = require "moongate"\nreturn mg.pool { "h:1", tiemout = 1 }' end)
            :raises "(text):2: mg.pool unknown option 'tiemout'"
        t.expect(function() t.load "no_such_file.lua" end):raises "No such file"
    end)
end)

t.describe("an expectation that fails", function()
    t.it("says what was expected, what came, and by which way", function()
        local app = one [[
            local mg = require "moongate"
            local pool = mg.pool { "10.0.0.1:11211", name = "only" }
            return function(req) return pool end]]
        local reply = app:get "k"
        local text = said(function() t.expect(reply):is_hit() end)
        t.expect(text):contains 'testing_test.lua:'
        t.expect(text):contains 'expected a hit, not a miss ("END")'
        t.expect(text):contains 'asked     get k\n'
        t.expect(text):contains '(text):3 -> pool only\n'
        t.expect(text):contains('sent      ' .. A .. ' <- get k\n')
        t.expect(text):contains(A .. ' -> "END\\r\\n"')
    end)

    t.it("shows a script's error with its place", function()
        local app = one 'return function(req)\n  error "mine"\nend'
        local text = said(function() t.expect(app:get "k"):is_hit() end)
        t.expect(text):contains "(text):2: mine"
        t.expect(text):contains "sent      nothing, to no server"
    end)

    t.it("is one for each way to be wrong", function()
        local app = one()
        app:server(A):put("k", "v")
        local hit, miss = app:get "k", app:get "none"
        t.expect(function() t.expect(hit):is_miss() end):raises "expected a miss, not a hit"
        t.expect(function() t.expect(hit):is_hit "w" end):raises 'expected the value "w", not "v"'
        t.expect(function() t.expect(miss):is_error() end):raises "expected an error, not a miss"
        t.expect(function() t.expect(miss):is_refused() end):raises "expected a refusal, not a miss"
        t.expect(function() t.expect(miss):is_waiting() end):raises "expected nothing yet, not a miss"
        t.expect(function() t.expect(miss):is "x" end):raises 'expected "x", not "END\\r\\n"'
        t.expect(function() t.expect(miss):took(1) end):raises "expected a reply after 1 s, not after 0 s"
        t.expect(function() t.expect({ 1, a = { 2 } }):equals { 1, a = { 3 } } end)
            :raises "expected { 1, a = { 3 } }, not { 1, a = { 2 } }"
        t.expect(function() t.expect(1):differs(1) end):raises "expected something else, not 1"
        t.expect(function() t.expect("abc"):contains "d" end):raises 'with "d" in it'
        t.expect(function() t.expect({ 1 }):contains(2) end):raises "with 2 in it"
        t.expect(function() t.expect(function() end):raises() end):raises "expected an error, not none"
        t.expect(function() t.expect(5):is_hit() end):raises "is_hit is for replies, not for 5"
    end)

    t.it("is also a name that is misspelt", function()
        local app = one()
        t.expect(function() t.expect(1):eqals(1) end):raises "an expectation has no 'eqals'"
        t.expect(function() app:server(A):is_dwon() end):raises "a server has no 'is_dwon'"
        t.expect(function() return app:get("k").valeu end):raises "a reply has no 'valeu'"
        t.expect(function() t.expect(1):is_hot() end):raises "there are: contains, differs, equals, is, is_error,"
        t.expect(function() app:server(A):works() end):raises "there are: answers, errs, forgets, hits, is_down,"
        t.expect(function() app:server(A):works() end):raises "misses, name, put, value"
        t.expect(function() app:fetch() end):raises "there are: add, append, ask, begin,"
        t.expect(function() app:client():fetch() end):raises "is_closed"
        t.expect(function() return app:get("k").valeu end):raises "kind, line, seconds, text, ttl, value, values"
        t.expect(function() app.sent = {} end):raises "an app has no 'sent' that can be set"
        t.expect(function() app:server "elsewhere" end):raises("it has: " .. A)
        t.expect(function() t.it("inside", function() end) end):raises "cannot be called inside of a test"
        t.expect(function() app:ask "get a\r\nget b" end):raises "one line"
        t.expect(function() app:set("two words", "v") end):raises "a key is a string without spaces"
        t.expect(function() t.advance "x" end):raises "t.advance takes seconds"
    end)
end)

t.describe("before and after", function()
    local order = {}
    t.before(function() order[#order + 1] = "outer" end)
    t.after(function() order[#order + 1] = "outer end" end)
    t.describe("inside", function()
        t.before(function() order[#order + 1] = "inner" end)
        t.after(function() order[#order + 1] = "inner end" end)
        t.it("run around a test", function() order[#order + 1] = "test" end)
    end)
    t.it("in their order", function()
        t.expect(order):equals { "outer", "inner", "test", "inner end", "outer end", "outer" }
    end)
end)
