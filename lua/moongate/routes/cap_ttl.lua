--- cap_ttl: give keys a time to live of so many seconds at most.
-- A negative time stays: such an item must expire at once. Commands without a time are sent as they are, also mg, ma
-- and md without T; ms without T gets one. N of mg and ma (the time of an item that they make) counts as a time.
--
--     mg.cap_ttl { gutter, 60 }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    ttl = policy.ttl, -- seconds, up to 30 days, from 1
}

--- @param spec table  a route, and seconds
return function(spec)
    local children, options = policy.read("mg.cap_ttl", policy.tail(spec, "ttl"), known, 1, 1)
    policy.want("mg.cap_ttl", options, "ttl")
    if options.ttl == 0 then policy.fail("mg.cap_ttl", "option 'ttl' takes 1 second or more: 0 is no limit") end
    return policy.route("cap_ttl", C.ROUTE_EXPTIME, children, { seconds = options.ttl, cap = 1 })
end
