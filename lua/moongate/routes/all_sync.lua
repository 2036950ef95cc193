--- all_sync: ask all routes and wait for all; the worst result counts.
-- An error is worse than a refusal (NOT_STORED), a refusal worse than a miss, a miss worse than a hit. With
-- result = "last" the last route's result counts, but the first error stands over it.
-- The first route compares a cas; after a hit the others get the request without it. For N of mg the first route alone
-- makes the item.
--
--     mg.all_sync { east, west }
--     mg.all_sync { east, west, result = "last" }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    result = policy.one_of { worst = C.WAIT_ALL, last = C.WAIT_LAST }, -- which one counts
}

--- @param spec table  1 to 64 routes, and options
return function(spec)
    local children, options = policy.read("mg.all_sync", spec, known, 1, 64)
    return policy.route("all_sync", C.ROUTE_ALL, children, { wait = options.result or C.WAIT_ALL })
end
