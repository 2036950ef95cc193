--- delay: answer later, to rehearse slow servers.
--
--     mg.delay { users, 0.2 }
--     mg.delay { users, before = 0.1, after = 0.1 }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    before = policy.seconds, -- before the route is asked
    after = policy.seconds,  -- after it has answered
}

--- @param spec table  a route, and seconds (before it is asked)
return function(spec)
    local children, options = policy.read("mg.delay", policy.tail(spec, "before"), known, 1, 1)
    if not (options.before or options.after) then policy.fail("mg.delay", "wants 'before' or 'after'") end
    return policy.route("delay", C.ROUTE_DELAY, children, options)
end
