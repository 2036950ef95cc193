--- spool_deletes without the daemon: a test touches no disk, so a delete that fails is an error that says so.
local t = require "moongate.test"
local three = require "three"

local over, sent = three.over, three.sent

t.describe("spool_deletes", function()
    t.it("sends everything to the pool", function()
        local app = over "mg.spool_deletes { a, dir = '/var/spool/moongate' }"
        t.expect(app:set("k", "1")):is_hit()
        t.expect(app:get "k"):is_hit "1"
        t.expect(app:delete "k"):is_hit()
        t.expect(app:delete "k"):is_miss()
        t.expect(app:get "k"):is_miss()
        t.expect(#sent(app)):equals(5)
    end)

    t.it("says why a delete is not kept", function()
        local app, a = over "mg.spool_deletes { a, dir = '/var/spool/moongate' }"
        a:is_down()
        t.expect(app:delete "k"):is_error "not kept: only the daemon keeps deletes"
        t.expect(app:get "k"):is_error()
    end)
end)
