--- latest: ask one of the routes, always the same one on a host; where it fails, the next.
-- For copies that all hold everything: hosts spread over them, and each host finds in its own what it has stored.
-- A cas belongs to the host's first route (see mg.failover).
--
--     mg.latest { east, west, south, tries = 2 }
local abi = require "moongate.abi"
local failing = require "moongate.failing"
local failover = require "moongate.routes.failover"
local policy = require "moongate.policy"

local C = abi.C

local function salt(value)
    if type(value) == "string" then return value end
    return nil, "takes a string, not a " .. type(value)
end

local known = failing.readers {
    tries = policy.count(1, 32), -- routes tried at most
    salt = salt,                 -- another salt spreads the hosts differently
    host = salt,                 -- in place of this host's name
    weights = policy.weights,    -- one for each route
}

-- The routes in the order in which a host tries them: by their scores on that host, highest first.
local function ordered(children, host, weights)
    local scores, order = {}, {}
    for i, child in ipairs(children) do
        local text = ("%s %d"):format(host, i)
        local place = (C.mg_hash_text(text, #text) + 0.5) / 2 ^ 53
        scores[child] = (weights and weights[i] or 1) / -math.log(place)
        order[i] = child
    end
    table.sort(order, function(a, b) return scores[a] > scores[b] end)
    return order
end

--- @param spec table  1 to 32 different routes, and options
return function(spec)
    local children, options = policy.read("mg.latest", spec, known, 1, 32)
    policy.check_list("mg.latest", "weights", options.weights, children)
    local host = (options.host or abi.text(C.mg_host())) .. (options.salt or "")
    local order = ordered(children, host, options.weights)
    if #order == 1 then return order[1] end
    order.tries = math.min(options.tries or 5, #order)
    return failover(failing.pass(spec, order))
end
