--- shadow: send a share of the requests, or of the keys, to another route too, and drop what that answers.
-- A request that compares a cas goes there without the cas, after a hit of the first route; mg with N does not.
--
--     mg.shadow { users, to = new_users, share = 0.1 }
--     mg.shadow { users, to = new_users, keys = { 0, 0.25 } }
local abi = require "moongate.abi"
local options_of = require "moongate.options"
local all_initial = require "moongate.routes.all_initial"
local outstanding_limit = require "moongate.routes.outstanding_limit"
local policy = require "moongate.policy"

local C = abi.C

-- A share, or from and to.
local function keys(value)
    local range = type(value) == "table" and value or { 0, value }
    for i = 1, 2 do
        local _, wrong = policy.share(range[i])
        if wrong then return nil, wrong end
    end
    if not options_of.wrong_list(range) and #range == 2 and range[1] < range[2] then return range end
    return nil, "takes a share above 0, or { from, to } with from below to"
end

local known = {
    to = policy.child,
    share = policy.share,        -- of the requests
    keys = keys,                 -- of the keys: always the same ones
    most = policy.count(1, 1e9), -- requests that may wait for the other route; more are left out
}

--- @param spec table  a route, and options
return function(spec)
    local children, options = policy.read("mg.shadow", spec, known, 1, 1)
    policy.want("mg.shadow", options, "to")
    if not (options.share or options.keys) then policy.fail("mg.shadow", "wants 'share' or 'keys'") end
    local route, range = children[1], options.keys or { 0, 1 }
    local both = all_initial { route, outstanding_limit { options.to, options.most or 1000, over = "miss" } }
    return policy.route("shadow", C.ROUTE_SHARE, { route, both },
        { share = options.share or 1, least = range[1], most = range[2] })
end
