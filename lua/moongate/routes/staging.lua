--- staging: put a pool on trial beside the one that serves: it gets the same load, and nobody waits for it.
--
--     mg.staging { users, new_users }
--     mg.staging { users, new_users, exptime = 600 }
--
-- The warm route answers everything. The staging route gets every write and read too, and after a get that was a hit
-- the value, if it lacks it. A write that depends on the old value (add, replace, cas) is sent there as a set, once the
-- warm route has stored it. Requests that belong to one place (a cas, N of mg) belong to the warm route.
local abi = require "moongate.abi"
local async = require "moongate.async"
local built = require "moongate.built"
local fill = require "moongate.fill"
local policy = require "moongate.policy"

local C = abi.C
local call, spawn, request = async.call, async.spawn, built.make

local known = {
    -- How long what reads add lives: seconds, or "same" (as in the warm route; the default; needs memcached 1.6.10).
    exptime = fill.exptime,
}

local filling = { get = true, gets = true }
local conditional = { add = true, replace = true, cas = true }

--- @param spec table  the warm and the staging route, and options
return function(spec)
    local children, options = policy.read("mg.staging", spec, known, 2, 2)
    local warm, staging = children[1], children[2]
    local put, place = fill.route(staging, 1)
    local filler = fill.into(staging, warm, options.exptime or "same", true, put)
    local both = policy.route("staging", C.ROUTE_ALL, children, { wait = C.WAIT_INITIAL })

    local read = policy.waiting("staging", children, function(req)
        fill.begin(place)
        local res = call(warm, req)
        if fill.may(res) then
            filler.later(req, res)
        elseif not res:is_hit() then
            spawn(staging, req)
        end
        return res
    end)

    local store = policy.waiting("staging", children, function(req)
        local res = call(warm, req)
        if not res:is_hit() then return res end
        if req.command == "ms" then
            req:clear_flag "C"
            req:clear_flag "M"
            spawn(staging, req)
        else
            spawn(staging, request.set(req.key, req.value, req.flags, req.exptime))
        end
        return res
    end)

    -- True also for an ms that adds or replaces. (An ms that compares a cas: `both` sends it on after a hit.)
    local function is_conditional(req)
        if conditional[req.command] then return true end
        if req.command ~= "ms" or req:has_flag "I" then return false end
        local mode = req:flag "M"
        return mode == "E" or mode == "e" or mode == "R" or mode == "r"
    end

    return policy.chooser("staging", children, function(req)
        if filling[req.command] then return read end
        return is_conditional(req) and store or both
    end)
end
