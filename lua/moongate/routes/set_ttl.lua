--- set_ttl: give keys that time to live, whatever the client asked for.
-- A negative time stays: such an item must expire at once. Commands without a time are sent as they are, also mg, ma
-- and md without T; ms without T gets one. N of mg and ma (the time of an item that they make) counts as a time.
--
--     mg.set_ttl { gutter, 60 }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    ttl = policy.ttl, -- seconds, up to 30 days; 0: for ever
}

--- @param spec table  a route, and seconds
return function(spec)
    local children, options = policy.read("mg.set_ttl", policy.tail(spec, "ttl"), known, 1, 1)
    policy.want("mg.set_ttl", options, "ttl")
    return policy.route("set_ttl", C.ROUTE_EXPTIME, children, { seconds = options.ttl, cap = 0 })
end
