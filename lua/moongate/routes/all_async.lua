--- all_async: send to all routes and wait for none: the client gets a miss at once.
-- For a write that is NOT_STORED or NOT_FOUND, whatever happens to it.
-- The first route compares a cas; after a hit the others get the request without it. N of mg makes nothing.
--
--     mg.all_async { east, west }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

--- @param spec table  1 to 64 routes
return function(spec)
    local children = policy.read("mg.all_async", spec, {}, 1, 64)
    return policy.route("all_async", C.ROUTE_ALL, children, { wait = C.WAIT_NONE })
end
