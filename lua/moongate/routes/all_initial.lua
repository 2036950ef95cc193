--- all_initial: ask all routes; the first one's result counts, the others' are dropped.
-- For writes to copies that nobody waits for.
-- A cas is the first route's: it compares it, and after a hit the others get the same without it. It makes what N of mg
-- asks for.
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
