--- hedge: ask a second route too when the first is slower than usual, or fails; the first good answer counts.
-- Only for get, and for mg without flags that write or ask for a cas. All else goes to the first route alone. When an
-- answer is dropped that won the right to renew a stale item, that right is given back.
--
--     mg.hedge { near, far }
--     mg.hedge { near, far, percentile = 0.99, least = 0.002, most = 0.1 }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    percentile = policy.share, -- of the first route's times: then the second is asked
    least = policy.seconds,    -- seconds: not earlier
    most = policy.seconds,     -- seconds: not later; also used while no times are known
}

--- @param spec table  two routes, and options
return function(spec)
    local children, options = policy.read("mg.hedge", spec, known, 2, 2)
    options.percentile = options.percentile or 0.95
    options.least = options.least or 0.001
    options.most = options.most or math.max(0.25, options.least)
    if options.least > options.most then policy.fail("mg.hedge", "option 'least' is above 'most'") end
    return policy.route("hedge", C.ROUTE_HEDGE, children, options)
end
