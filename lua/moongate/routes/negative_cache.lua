--- negative_cache: remember misses for a short time, and answer them without asking.
-- A write by any worker of this machine makes its key's miss void at once. A write by another machine, or one that does
-- not pass moongate, is seen when the time is over.
--
--     mg.negative_cache { users, 0.05 }
--     mg.negative_cache { users, ttl = 0.05, keys = 10000 }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    ttl = policy.number(0.001, 60, "seconds"), -- how long a miss is remembered
    keys = policy.count(1, 1e6),               -- remembered at most, in each worker: 264 bytes each
}

--- @param spec table  a route, and seconds
return function(spec)
    local children, options = policy.read("mg.negative_cache", policy.tail(spec, "ttl"), known, 1, 1)
    local fields = { seconds = options.ttl or 0.05, keys = options.keys or 4096 }
    return policy.route("negative_cache", C.ROUTE_NEGATIVE, children, fields)
end
