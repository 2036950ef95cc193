--- script_timeout of mg.options: a function that takes too long fails, also here.
local t = require "moongate.test"

t.it("interrupts a function that does not end", function()
    local app = t.load_text [[
        local mg = require "moongate"
        mg.options { script_timeout = 0.05 }
        local pool = mg.pool { "10.0.0.1:11211" }
        return function(req)
            while req.key == "endless" do end
            return pool
        end]]
    t.expect(app:get "endless"):is_error "script error"
    t.expect(app:get "k"):is_miss()
end)

t.it("interrupts a timer that does not end", function()
    local app = t.load_text [[
        local mg = require "moongate"
        mg.options { script_timeout = 0.05 }
        local pool = mg.pool { "10.0.0.1:11211" }
        mg.timer.after(5, function() while true do end end)
        return pool]]
    t.advance(6)
    t.expect(app:get "k"):is_miss()
end)
