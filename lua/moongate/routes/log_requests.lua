--- log_requests: write a line to the log for each request, or for a share of them, with its result.
--
--     mg.log_requests { users, share = 0.01, per_second = 5 }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    share = policy.share,             -- share of the requests
    per_second = policy.count(1, 1000), -- lines at most; the log counts what is left out
}

--- @param spec table  a route, and options
return function(spec)
    local children, options = policy.read("mg.log_requests", spec, known, 1, 1)
    local log = policy.route("log_requests", C.ROUTE_LOG, children, { burst = options.per_second or 10 })
    local share = options.share or 1
    if share == 1 then return log end
    return policy.route("log_requests", C.ROUTE_SHARE, { children[1], log }, { share = share, least = 0, most = 1 })
end
