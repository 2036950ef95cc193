--- all_majority: ask all routes; the result on which more than half agree counts.
-- When no more than half agree, the worst result counts.
-- The first route compares a cas; after a hit the others get the request without it. For N of mg the first route alone
-- makes the item.
--
--     mg.all_majority { east, west }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

--- @param spec table  1 to 64 routes
return function(spec)
    local children = policy.read("mg.all_majority", spec, {}, 1, 64)
    return policy.route("all_majority", C.ROUTE_ALL, children, { wait = C.WAIT_MAJORITY })
end
