--- all_initial: ask all routes; the result of the first counts, the others are dropped.
-- For writes to copies that nobody waits for.
-- The first route compares a cas; after a hit the others get the request without it. For N of mg the first route alone
-- makes the item.
--
--     mg.all_initial { east, west }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

--- @param spec table  1 to 64 routes
return function(spec)
    local children = policy.read("mg.all_initial", spec, {}, 1, 64)
    return policy.route("all_initial", C.ROUTE_ALL, children, { wait = C.WAIT_INITIAL })
end
