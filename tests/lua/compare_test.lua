--- compare: a share of the reads goes to a second route too, and nobody waits for that.
local t = require "moongate.test"
local three = require "three"

local over = three.over

-- Sorted: both are asked at once.
local function sent(app)
    local list = three.sent(app)
    table.sort(list)
    return list
end

t.describe("compare", function()
    t.it("asks the second route in the background, in a form that shows no cas", function()
        local app, a, b = over "mg.compare { a, b, share = 1 }"
        a:put("k", "value", 7)
        b:put("k", "value", 7):is_slow(5)
        local reply = app:ask "gets k"
        t.expect(reply):is_hit "value"
        t.expect(reply):took(0)
        t.expect(app:ask "mg k v c O1"):is_hit "value"
        t.expect(sent(app)):equals { "a gets k", "a mg k v c O1", "b get k", "b mg k v" }
    end)

    t.it("looks again where the answers differ, and not where they are the same", function()
        local app, a, b = over "mg.compare { a, b, share = 1, again = 0.5 }"
        a:put("k", "old")
        b:put("k", "new")
        t.expect(app:get "k"):is_hit "old"
        t.expect(sent(app)):equals { "a get k", "b get k" }
        t.advance(0.49)
        t.expect(sent(app)):equals {}
        t.advance(0.01)
        t.expect(sent(app)):equals { "a get k", "b get k" }
        b:put("k", "old")
        t.expect(app:get "k"):is_hit "old"
        t.advance(5)
        t.expect(sent(app)):equals { "a get k", "b get k" }
    end)

    t.it("sends writes, and reads that change something, to the first route alone", function()
        local app = over "mg.compare { a, b, share = 1 }"
        app:set("k", "value")
        for _, line in ipairs { "gat 5 k", "mg k N30 v", "mg k T30", "touch k 5", "delete k" } do app:ask(line) end
        for _, one in ipairs(sent(app)) do t.expect(one:sub(1, 2)):equals "a " end
    end)

    t.it("does not ask the second route where the first one is down", function()
        local app, a = over "mg.compare { a, b, share = 1 }"
        a:is_down()
        t.expect(app:get "k"):is_error()
        for _, one in ipairs(sent(app)) do t.expect(one:sub(1, 2)):equals "a " end
    end)

    t.it("compares nothing where the share is 0", function()
        local app = over "mg.compare { a, b, share = 0 }"
        for _ = 1, 100 do app:get "k" end
        t.expect(#sent(app)):equals(100)
    end)
end)
