--- warm_up: fill a cold pool from a warm one.
--
--     mg.warm_up { new_users, users }
--     mg.warm_up { new_users, users, exptime = 600 }
--
-- get: the cold route; after anything but a hit the warm one, whose value is added to the cold one in the background.
-- gets, gat, gats and mg: only the cold route can answer them, so the value is added there first, then it is asked
-- again. All other commands go to the cold route alone, so every cas is the cold route's. mg and ma with N, which make
-- an item when they find none, ask the cold route without N, and with N once the warm route was asked.
local async = require "moongate.async"
local fill = require "moongate.fill"
local policy = require "moongate.policy"

local call = async.call

local known = {
    -- How long what is added lives: seconds, or "same" (as in the warm route; the default; needs memcached 1.6.10).
    exptime = fill.exptime,
}

local TRIES_MOST, WAITS_MOST = 3, 100

local reads = { get = true, gets = true, gat = true, gats = true, mg = true }

-- The time to live of the item that mg or ma makes (N); nil without N.
local function making(req)
    local command = req.command
    return (command == "mg" or command == "ma") and req:flag "N" or nil
end

--- @param spec table  the cold and the warm route, and options
return function(spec)
    local children, options = policy.read("mg.warm_up", spec, known, 2, 2)
    local cold, warm = children[1], children[2]
    local put, place = fill.route(cold, 1)
    local filler = fill.into(cold, warm, options.exptime or "same", false, put)

    -- Waits for a while, until no copy is on its way that a hit could be.
    local function wait()
        for _ = 1, WAITS_MOST do
            async.sleep(0.002)
            fill.begin(place)
            if not fill.is_doubtful() then return end
        end
    end

    -- Asks again after a hit that may be a copy which is about to be taken back.
    local function ask_cold(req)
        fill.begin(place)
        local res = call(cold, req)
        for _ = 1, TRIES_MOST do
            if not res:is_hit() or not fill.is_doubtful() then return res end
            fill.give_back(cold, req.key, res)
            wait()
            res = call(cold, req)
        end
        return res
    end

    -- For ma: a count is asked for once.
    local function call_cold(req)
        return call(cold, req)
    end

    local read = policy.waiting("warm_up", children, function(req)
        local exists_for = making(req)
        if exists_for then req:clear_flag "N" end
        local ask = req.command == "ma" and call_cold or ask_cold
        local res = ask(req)
        if res:is_hit() or res:is_refused() then return res end
        fill.begin(place)
        if req.command == "get" then
            local found = call(warm, req)
            if fill.may(found) then filler.later(req, found) end
            return found
        end
        local found = fill.look(warm, req.key)
        if fill.may(found) then
            filler.now(req, found)
        elseif res:is_error() or not exists_for then
            return res
        end
        if exists_for then req:set_flag("N", exists_for) end
        return ask(req)
    end)

    return policy.chooser("warm_up", children, function(req)
        return (reads[req.command] or making(req)) and read or cold
    end)
end
