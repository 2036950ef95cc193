--- outstanding_limit: so many requests at most wait for a route at once, in each worker.
--
--     mg.outstanding_limit { users, 1000, over = gutter }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    most = policy.count(1, 1e9),
    over = policy.over "too many requests are in flight", -- "error" (unless given), "miss", or another route
}

--- @param spec table  a route, how many, and options
return function(spec)
    local children, options = policy.read("mg.outstanding_limit", policy.tail(spec, "most"), known, 1, 1)
    policy.want("mg.outstanding_limit", options, "most")
    children[2] = spec.over ~= "error" and options.over or nil -- its own error is "busy", which fails over
    return policy.route("outstanding_limit", C.ROUTE_LIMIT, children, { most_in_flight = options.most })
end
