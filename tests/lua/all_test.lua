--- mg.all_sync, all_async, all_fastest, all_initial, all_majority: all routes are asked; which answer counts, and when.
local t = require "moongate.test"

local A, B, C = "10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211"

local function over(policy)
    return t.load_text(([[
        local mg = require "moongate"
        local a = mg.pool { "10.0.0.1:11211", name = "a" }
        local b = mg.pool { "10.0.0.2:11211", name = "b" }
        local c = mg.pool { "10.0.0.3:11211", name = "c" }
        return mg.%s { a, b, c }]]):format(policy))
end

local function items(app, key)
    local values = {}
    for i, name in ipairs { A, B, C } do values[i] = app:server(name):value(key) or false end
    return values
end

for _, policy in ipairs { "all_sync", "all_async", "all_fastest", "all_initial", "all_majority" } do
    t.describe(policy, function()
        t.it("writes to all", function()
            local app = over(policy)
            app:set("k", "value")
            t.advance(1)
            t.expect(items(app, "k")):equals { "value", "value", "value" }
            app:delete "k"
            t.advance(1)
            t.expect(items(app, "k")):equals { false, false, false }
        end)
    end)
end

-- The README's recipe.
t.describe("add as a lock on copies", function()
    local SCRIPT = [[
        local mg = require "moongate"
        local a = mg.pool { "10.0.0.1:11211", name = "a" }
        local b = mg.pool { "10.0.0.2:11211", name = "b" }
        return mg.by_command { add = mg.failover { a, b }, default = mg.all_sync { a, b } }]]

    t.it("has one winner, when one copy is asked first", function()
        local app = t.load_text(SCRIPT)
        app:server(B):put("lock", "left over")
        t.expect(app:add("lock", "mine")):is "STORED\r\n"
        t.expect(app:add("lock", "another's")):is "NOT_STORED\r\n"
        t.expect(app:server(A):value "lock"):equals "mine"
        t.expect(app:server(B):value "lock"):equals "left over"
        app:delete "lock"
        for _, name in ipairs { A, B } do t.expect(app:server(name):value "lock"):equals(nil) end
        app:server(A):is_down()
        t.expect(app:add("lock", "mine")):is "STORED\r\n"
        t.expect(app:add("lock", "another's")):is "NOT_STORED\r\n"
    end)
end)

t.describe("all_sync", function()
    t.it("waits for the slowest", function()
        local app = over "all_sync"
        app:server(B):is_slow(0.3)
        app:server(C):is_slow(0.1)
        local reply = app:set("k", "value")
        t.expect(reply):is "STORED\r\n"
        t.expect(reply):took(0.3)
    end)

    t.it("tells the worst result", function()
        local app = over "all_sync"
        app:server(A):put("k", "value")
        app:server(B):put("k", "value")
        t.expect(app:delete "k"):is "NOT_FOUND\r\n"
        app:server(C):errs "full"
        t.expect(app:delete "k"):is_error "full"
    end)
end)

t.describe("all_async", function()
    t.it("answers at once, as if nothing was found", function()
        local app = over "all_async"
        app:server(A):is_slow(0.5)
        local reply = app:set("k", "value")
        t.expect(reply):is "NOT_STORED\r\n"
        t.expect(reply):took(0)
    end)
end)

t.describe("all_fastest", function()
    t.it("takes the first answer that is no error", function()
        local app = over "all_fastest"
        app:server(A):is_slow(0.3):put("k", "a")
        app:server(B):errs "full"
        app:server(C):is_slow(0.1):put("k", "c")
        local reply = app:get "k"
        t.expect(reply):is_hit "c"
        t.expect(reply):took(0.1)
    end)

    t.it("tells the last error when all err", function()
        local app = over "all_fastest"
        app:server(A):is_down()
        app:server(B):is_down()
        app:server(C):errs("full")
        t.expect(app:get "k"):is_error "full"
    end)
end)

t.describe("all_initial", function()
    t.it("tells what the first one says, and drops the others' answers", function()
        local app = over "all_initial"
        app:server(A):is_slow(0.2)
        app:server(B):put("k", "b")
        local reply = app:get "k"
        t.expect(reply):is_miss()
        t.expect(reply):took(0.2)
    end)
end)

t.describe("all_majority", function()
    t.it("answers once more than half agree", function()
        local app = over "all_majority"
        app:server(A):put("k", "value"):is_slow(0.1)
        app:server(B):put("k", "value"):is_slow(0.2)
        app:server(C):is_slow(0.3)
        local reply = app:delete "k"
        t.expect(reply):is "DELETED\r\n"
        t.expect(reply):took(0.2)
    end)

    t.it("tells the worst result when no two agree", function()
        local app = over "all_majority"
        app:server(A):put("k", "value")
        app:server(B):errs "full"
        t.expect(app:delete "k"):is_error "full"
    end)
end)
