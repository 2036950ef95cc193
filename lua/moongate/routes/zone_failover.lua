--- zone_failover: ask the local zone first; where that fails, all others at once: the first result but errors counts.
-- A cas belongs to the local zone, as to the first child of mg.failover.
--
--     mg.zone_failover { here = "a", zones = { a = pool_a, b = pool_b, c = pool_c }, on = { "error", "miss" } }
local abi = require "moongate.abi"
local commands = require "moongate.commands"
local options_of = require "moongate.options"
local policy = require "moongate.policy"

local C = abi.C

local MISS = C.mg_result_bits("miss", 4)

local function zones(value)
    if type(value) ~= "table" or next(value) == nil then return nil, "takes a table of zones: name = route" end
    for name, route in pairs(value) do
        local _, wrong = policy.child(route)
        if wrong then return nil, ("'%s' %s"):format(tostring(name), wrong) end
    end
    return value
end

local known = {
    zones = zones,
    here = function(value) return value end, -- the name of the local zone
    on = commands.results,                   -- results after which the others are asked, as for mg.failover
}

-- The local zone's route, and the others' by their names.
local function split(options)
    local near, names, others = options.zones[options.here], {}, {}
    if not near then
        local known_zones = options_of.names(options.zones)
        policy.fail("mg.zone_failover", ("option 'here' takes one of %s, not %s"):format(known_zones,
            tostring(options.here)))
    end
    for name in pairs(options.zones) do
        if name ~= options.here then names[#names + 1] = name end
    end
    table.sort(names, function(a, b) return tostring(a) < tostring(b) end) -- some may be numbers
    for i, name in ipairs(names) do others[i] = options.zones[name] end
    return near, others
end

--- With "miss" in `on`, the first hit of the others counts.
-- @param spec table  options
return function(spec)
    local _, options = policy.read("mg.zone_failover", spec, known, 0, 0)
    policy.want("mg.zone_failover", options, "zones")
    local near, others = split(options)
    if #others == 0 then return near end
    local fields, words = commands.union(options.on or commands.all(policy.errors))
    local wait = bit.band(fields.on, MISS) ~= 0 and C.WAIT_HIT or C.WAIT_FASTEST
    local all = policy.route("others", C.ROUTE_ALL, others, { wait = wait })
    fields.tries, fields.share = 2, 1
    return policy.route("zone_failover", C.ROUTE_FAILOVER, { near, all }, fields, words)
end
