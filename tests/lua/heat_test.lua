--- req:heat(): what a script sees of it in tests, where app:heat says how hot a key is.
local t = require "moongate.test"

local SCRIPT = [[
    local mg = require "moongate"
    local pool = mg.pool { "10.0.0.1:11211" }
    local function tell(req) return mg.reply.value(("%.3f"):format(req:heat())) end
    return mg.by_prefix {
        { ["new:"] = function(req) req.key = "old"; return tell(req) end,
          ["made:"] = function() return tell(mg.request.get "hot") end,
          ["slow:"] = mg.async(function(req) mg.call(pool, req); return tell(req) end) },
        default = tell,
    }
]]

t.describe("the heat of a key", function()
    local app

    t.before(function() app = t.load_text(SCRIPT) end)

    t.it("is 0 unless the test says another", function()
        for _ = 1, 20 do t.expect(app:get "k"):is_hit "0.000" end
        app:heat("k", 0.2)
        t.expect(app:get "k"):is_hit "0.200"
        t.expect(app:get "kk"):is_hit "0.000"
        app:heat("k", 1)
        t.expect(app:get "k"):is_hit "1.000"
        app:heat("k", 0)
        t.expect(app:get "k"):is_hit "0.000"
    end)

    t.it("is that of the key that the client sent", function()
        app:heat("new:1", 0.5)
        app:heat("old", 0.1)
        t.expect(app:get "new:1"):is_hit "0.500"
    end)

    t.it("is there for a request of the script's own, and in a function that waits", function()
        app:heat("hot", 0.25)
        app:heat("slow:1", 0.125)
        t.expect(app:get "made:1"):is_hit "0.250"
        t.expect(app:get "slow:1"):is_hit "0.125"
    end)

    t.it("stays when another script takes over", function()
        app:heat("k", 0.2)
        app:reload("again.lua", SCRIPT)
        t.expect(app:get "k"):is_hit "0.200"
    end)

    t.it("decides where explain says that a request goes", function()
        local split = t.load_text [[
            local mg = require "moongate"
            local near, far = mg.pool { "10.0.0.1:11211", name = "near" }, mg.pool { "10.0.0.2:11211", name = "far" }
            return function(req) return req:heat() > 0.1 and near or far end
        ]]
        t.expect(split:explain("get k").pool):equals "far"
        split:heat("k", 0.2)
        t.expect(split:explain("get k").pool):equals "near"
    end)

    t.it("takes a key and a share", function()
        t.expect(function() app:heat("", 0.1) end):raises "takes a key"
        t.expect(function() app:heat(("k"):rep(251), 0.1) end):raises "takes a key"
        t.expect(function() app:heat("k", 1.1) end):raises "takes a share"
        t.expect(function() app:heat("k", 0 / 0) end):raises "takes a share"
        t.expect(function() app:heat("k") end):raises "takes a share"
        t.expect(function()
            for i = 1, 300 do app:heat("k" .. i, 0.1) end
        end):raises "too many keys are hot"
    end)
end)

t.describe("the example of hot keys", function()
    t.it("reads a copy of a key while it is hot, and writes all copies", function()
        local app = t.load "../../examples/12-hot-keys.lua"
        app:set("front:1", "v")
        local lines = {}
        for _, entry in ipairs(app.sent) do lines[entry.line] = true end
        for _, key in ipairs { "front:1", "front:1::1", "front:1::2" } do
            t.expect(lines["set " .. key .. " 0 0 1"]):equals(true)
        end
        t.expect(app:explain("get front:1").route):contains "coalesce"
        t.expect(app:get "front:1"):is_hit "v"
        app:heat("front:1", 0.03)
        t.expect(app:explain("get front:1").route):contains "key_split"
        t.expect(app:get "front:1"):is_hit "v"
        app:heat("front:1", 0.01)
        t.expect(app:explain("get front:1").route):contains "coalesce"
    end)
end)
