--- shadow: send a share of the requests, or of the keys, to another route too, and drop what that answers.
-- A request that compares a cas goes there without the cas, after a hit of the first route; mg with N does not.
--
--     mg.shadow { users, to = new_users, share = 0.1 }
--     mg.shadow { users, to = new_users, keys = { 0, 0.25 } }
--     mg.shadow { users, to = new_users, index_range = { 0, 2 } }
local abi = require "moongate.abi"
local each = require "moongate.each"
local options_of = require "moongate.options"
local all_initial = require "moongate.routes.all_initial"
local outstanding_limit = require "moongate.routes.outstanding_limit"
local policy = require "moongate.policy"

local C = abi.C

local index = policy.count(0, 4096)

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

-- Numbers of servers, from 0 on: from the first, up to the second, which is not among them (as mcrouter's index_range).
local function index_range(value)
    if type(value) ~= "table" or #value ~= 2 or options_of.wrong_list(value) then
        return nil, "takes two numbers of servers: { from, to }"
    end
    for i = 1, 2 do
        local _, wrong = index(value[i])
        if wrong then return nil, wrong end
    end
    if value[1] < value[2] then return value end
    return nil, "takes { from, to } with from below to: to is not in the range"
end

local known = {
    index_range = index_range,   -- keys of these servers of a pool
    pool = policy.child,         -- that pool, where the first route is another one
    to = policy.child,
    share = policy.share,        -- of the requests
    keys = keys,                 -- of the keys: always the same ones
    most = policy.count(1, 1e9), -- requests that may wait for the other route; more are left out
}

--- @param spec table  a route, and options
return function(spec)
    local children, options = policy.read("mg.shadow", spec, known, 1, 1)
    policy.want("mg.shadow", options, "to")
    if not (options.share or options.keys or options.index_range) then
        policy.fail("mg.shadow", "wants 'share', 'keys' or 'index_range'")
    end
    local route, range, servers = children[1], options.keys or { 0, 1 }, options.index_range or { 0, 0 }
    local pool = options.pool or route
    if options.index_range and not each.places_keys(pool) then
        policy.fail("mg.shadow",
            "option 'index_range' wants a pool as the first route, or as the option 'pool'; not one that is random")
    elseif options.pool and not options.index_range then
        policy.fail("mg.shadow", "option 'pool' goes with 'index_range'")
    end
    local both = all_initial { route, outstanding_limit { options.to, options.most or 1000, over = "miss" } }
    local to = { route, both, options.index_range and pool }
    return policy.route("shadow", C.ROUTE_SHARE, to,
        { share = options.share or 1, least = range[1], most = range[2], first = servers[1],
            servers = servers[2] - servers[1] }, nil, { route, both })
end
