--- all_majority: ask all routes; the result on which more than half agree counts.
-- When no more than half agree, the worst result counts; with result = "most_frequent" the most frequent one, of
-- equally frequent ones the worst.
-- The first route compares a cas; after a hit the others get the request without it. For N of mg the first route alone
-- makes the item.
--
--     mg.all_majority { east, west }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    result = policy.one_of { worst = C.WAIT_MAJORITY, most_frequent = C.WAIT_MOST }, -- without a majority
}

--- @param spec table  1 to 64 routes, and options
return function(spec)
    local children, options = policy.read("mg.all_majority", spec, known, 1, 64)
    return policy.route("all_majority", C.ROUTE_ALL, children, { wait = options.result or C.WAIT_MAJORITY })
end
