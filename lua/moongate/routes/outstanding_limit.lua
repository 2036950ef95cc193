--- outstanding_limit: let so many requests wait for a route at once, in each worker.
-- The route for what is over the limit compares no cas: such a request gets an error. The cas that it shows is void.
--
--     mg.outstanding_limit { users, 1000, over = gutter }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local TEXT = "too many requests are in flight"

local known = {
    most = policy.count(1, 1e9),
    over = policy.over(TEXT), -- "error" (unless given), "miss", or another route
}

--- @param spec table  a route, how many, and options
return function(spec)
    local children, options = policy.read("mg.outstanding_limit", policy.tail(spec, "most"), known, 1, 1)
    policy.want("mg.outstanding_limit", options, "most")
    local over = spec.over ~= "error" and options.over or nil -- C's own error is "busy", after which a failover goes on
    local to = { children[1], over and policy.spare("over", over, TEXT) }
    return policy.route("outstanding_limit", C.ROUTE_LIMIT, to, { most_in_flight = options.most }, nil,
        { children[1], over })
end
