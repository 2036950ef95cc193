--- failover_with_exptime: as failover with two routes, but keys live only for a short time in the second.
-- So what a gutter holds is gone soon after the first route works again.
--
--     mg.failover_with_exptime { users, gutter, ttl = 60 }
local failing = require "moongate.failing"
local failover = require "moongate.routes.failover"
local policy = require "moongate.policy"
local set_ttl = require "moongate.routes.set_ttl"

local known = failing.readers {
    ttl = policy.ttl, -- seconds that keys live in the second route
}

--- @param spec table  two routes, and options
return function(spec)
    local name = "mg.failover_with_exptime"
    local children, options = policy.read(name, policy.tail(spec, "ttl"), known, 2, 2)
    local gutter = set_ttl { children[2], options.ttl or 60 }
    return failover(failing.pass(spec, { children[1], gutter }))
end
