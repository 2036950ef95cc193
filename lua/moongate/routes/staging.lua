--- staging: put a pool on trial beside the one that serves: it gets the same load, and nobody waits for it.
--
--     mg.staging { users, new_users }
--     mg.staging { users, new_users, exptime = 600 }
--
-- The warm route answers everything. The staging route gets every read too, and after a get that was a hit the value,
-- if it lacks it. It gets a delete at once, and any other write once the warm route has carried it out, in a form that
-- leaves no older value there: moongate.mirror says how. Requests that belong to one place (a cas, N of mg) belong to
-- the warm route.
local abi = require "moongate.abi"
local async = require "moongate.async"
local fill = require "moongate.fill"
local mirror = require "moongate.mirror"
local policy = require "moongate.policy"

local C = abi.C
local call, spawn = async.call, async.spawn

local known = {
    -- How long what reads add lives: seconds, or "same" (as in the warm route; the default; needs memcached 1.6.10).
    exptime = fill.exptime,
}

local filling = { get = true, gets = true }

--- @param spec table  the warm and the staging route, and options
return function(spec)
    local children, options = policy.read("mg.staging", spec, known, 2, 2)
    local warm, staging = children[1], children[2]
    local put, place = fill.route(staging, 1)
    local filler = fill.into(staging, warm, options.exptime or "same", true, put, mirror.LESS)
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

    local write = mirror.between("staging", warm, staging).write

    return policy.chooser("staging", children, function(req)
        if filling[req.command] then return read end
        return mirror.is_write(req) and write or both
    end)
end
