--- warm_up: a cold pool that is filled from a warm one.
--
--     mg.warm_up { new_users, users }
--     mg.warm_up { new_users, users, exptime = 600 }
--
-- get: the cold route; after anything but a hit the warm one, and its value is added to the cold one in the
-- background. gets, gat, gats and mg, whose answer only the cold route can give: the value is added there first, then
-- it is asked again. All other commands go to the cold route alone.
local async = require "moongate.async"
local fill = require "moongate.fill"
local policy = require "moongate.policy"

local call = async.call

local known = {
    -- Of what is added: seconds, or "same" (as the warm route has it; default; wants memcached 1.6).
    exptime = fill.exptime,
}

local TRIES_MOST, WAITS_MOST = 3, 100

local reads = { get = true, gets = true, gat = true, gats = true, mg = true }

--- @param spec table  the cold and the warm route, and options
return function(spec)
    local children, options = policy.read("mg.warm_up", spec, known, 2, 2)
    local cold, warm = children[1], children[2]
    local put, place = fill.route(cold, 1)
    local filler = fill.into(cold, warm, options.exptime or "same", false, put)

    -- Waits until no copy is on its way that a hit could be, for a while.
    local function wait()
        for _ = 1, WAITS_MOST do
            async.sleep(0.002)
            fill.begin(place)
            if not fill.is_doubtful() then return end
        end
    end

    -- A hit that may be a copy that is about to be taken back is looked at again.
    local function ask_cold(req)
        fill.begin(place)
        local res = call(cold, req)
        for _ = 1, TRIES_MOST do
            if not res:is_hit() or not fill.is_doubtful() then return res end
            wait()
            res = call(cold, req)
        end
        return res
    end

    local read = policy.waiting("warm_up", children, function(req)
        local res = ask_cold(req)
        if res:is_hit() then return res end
        fill.begin(place)
        if req.command == "get" then
            local found = call(warm, req)
            if found:is_hit() then filler.later(req, found) end
            return found
        end
        local found = call(warm, fill.get(req.key))
        if not found:is_hit() then return res end
        filler.now(req, found)
        return ask_cold(req)
    end)

    return policy.chooser("warm_up", children, function(req)
        return reads[req.command] and read or cold
    end)
end
