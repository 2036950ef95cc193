--- Mistakes in scripts whose messages say what was probably meant.
local t = require "moongate.test"

-- Loads a script of two pools that ends so.
local function load(last)
    return t.load_text([[
        local mg = require "moongate"
        local users = mg.pool { "10.0.0.1:11211", name = "users" }
        local pages = mg.pool { "10.0.0.2:11211", name = "pages" }
    ]] .. last)
end

local function fails(last, message)
    t.expect(function() load(last) end):raises(message)
end

t.describe("a mistake", function()
    t.it("is a colon where a dot belongs", function()
        fails('return mg:pool { "10.0.0.3:11211" }', "mg.pool is called with a dot, not a colon: mg.pool { ... }")
        fails("return mg:failover { users, pages }",
            "mg.failover is called with a dot, not a colon: mg.failover { ... }")
        fails("return mg.pool {}", "mg.pool names no server")
        fails("return mg.failover {}", "mg.failover takes 2 to 32 routes, not 0")
    end)

    t.it("is a number in quotes", function()
        fails('return mg.failover_with_exptime { users, pages, "60s" }',
            "takes 2 routes, not 3: '60s' is a string; a number has no quotes and no unit")
        fails('return mg.set_ttl { users, "60" }', "not 2: '60' is a string; a number has no quotes and no unit")
        t.expect(function() load "return mg.failover_with_exptime { users, pages, pages }" end)
            :raises "takes 2 routes, not 3"
        load "return mg.failover_with_exptime { users, pages, 60 }"
    end)

    t.it("is a misspelt field of a request or response", function()
        local app = load [[
            local function read(of, name)
                local good, wrong = pcall(function() return of[name] end)
                return good and mg.reply.miss() or mg.reply.error(wrong)
            end
            local waits = mg.async(function(req) return read(mg.call(users, req), "val") end)
            return function(req)
                if req.key == "read" then return read(req, "hasprefix") end
                if req.key == "set" then req.expires = 5 end
                return waits
            end
        ]]
        t.expect(app:get "read"):is_error "a request has no field 'hasprefix'; there are: asks_cas, cas, clear_flag,"
        t.expect(app:get "read"):is_error "exptime, flag, flags, has_flag, has_only_flags, has_prefix, has_suffix,"
        t.expect(app:explain("get set").error):contains "no field 'expires' that can be set; there are: cas, delta,"
        t.expect(app:get "wait"):is_error "a response has no field 'val'; there are: cas, error, flag, flags, has_flag,"
        t.expect(app:get "wait"):is_error "is_error, is_hit, is_miss, is_refused, kind, number, size, ttl, value"
    end)
end)
