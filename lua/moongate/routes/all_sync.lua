--- all_sync: ask all routes, wait for all; the worst result counts.
-- An error is worse than a no (not stored), a no than a miss, a miss than a hit.
-- A cas is the first route's: it compares it, and after a hit the others get the same without it. It makes what N of mg
-- asks for.
--
--     mg.all_sync { east, west }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

--- @param spec table  1 to 64 routes
return function(spec)
    local children = policy.read("mg.all_sync", spec, {}, 1, 64)
    return policy.route("all_sync", C.ROUTE_ALL, children, { wait = C.WAIT_ALL })
end
