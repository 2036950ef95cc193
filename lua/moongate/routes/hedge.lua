--- hedge: ask a second route too when the first is slower than usual, or errs; the first good answer counts.
-- Only get, and mg with no flag that writes or is about a cas: anything else goes to the first route alone. A stale
-- item's win in an answer that is dropped is handed back.
--
--     mg.hedge { near, far }
--     mg.hedge { near, far, percentile = 0.99, least = 0.002, most = 0.1 }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    percentile = policy.share, -- of the first route's times, after which the second is asked
    least = policy.seconds,    -- but not before
    most = policy.seconds,     -- and not after; also as long as no times are known
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
