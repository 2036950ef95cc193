--- random: send each request to any of the routes, chosen anew each time.
-- Requests that belong to one place (with a cas, or with N) go to the route that the key's hash picks.
--
--     mg.random { east, west }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

--- @param spec table  1 to 1000 routes
return function(spec)
    local children = policy.read("mg.random", spec, {}, 1, 1000)
    return policy.route("random", C.ROUTE_RANDOM, children, {})
end
