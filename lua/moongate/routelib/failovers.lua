--- failovers: route_failover and route_zfailover, as mg.failover, mg.latest and mg.zone_failover. Added to the table of
-- handlers.
local children = require "moongate.routelib.children"
local text = require "moongate.routelib.text"

local USUAL_TRIES = 5 -- of mg.latest

-- Puts the local zone's child first, as the option local_zone of a failover says.
local function zone_first(args, ctx, list)
    local zone = args.local_zone
    if zone == nil then return list end
    for i, node in ipairs(list) do
        if list.keys[i] == zone then
            table.remove(list, i)
            table.insert(list, 1, node)
            return list
        end
    end
    ctx:note("local_zone", "no child is called '%s': the children keep their order", tostring(zone))
    return list
end

-- How many routes are tried: failover_count, which counts the first one too.
local function tries_of(args, ctx, list)
    local count = ctx:number(args, "failover_count", 0, 1e9)
    if not count then return #list end
    if count < 1 then ctx:note("failover_count", "the first child is asked whatever failover_count is") end
    return math.max(1, math.min(math.floor(count), #list))
end

-- Where they are shuffled, each machine has an order of its own.
local function handle_failover(args, ctx)
    ctx:check(args, { "children", "failover_count", "shuffle", "miss", "wait", "stats", "stats_name", "local_zone" })
    local list = zone_first(args, ctx, children.list(args.children, ctx, "children", 32))
    local tries, is_shuffled, wait = tries_of(args, ctx, list), args.shuffle and #list > 1, ctx:wait(args)
    if tries == 1 and not is_shuffled then
        return wait and text.call("mg.all_fastest", { list[1] }, { { "within", wait } }) or list[1]
    end
    local usual = is_shuffled and math.min(USUAL_TRIES, #list) or #list
    return text.call(is_shuffled and "mg.latest" or "mg.failover", list, {
        { "tries", tries ~= usual and text.number(tries) or nil },
        { "on", ctx:on(args.miss) },
        { "within", wait },
        { "retries", ctx:counter(args, "_retries") },
    })
end

-- The local zone's node, the others' with their names, and its name.
local function zones_of(args, ctx)
    local zone = args.local_zone
    if zone == nil then zone = ctx.zone end
    if type(zone) ~= "string" then
        ctx:fail("route_zfailover", "a zone is wanted: write local_zone(\"NAME\") above, or local_zone = \"NAME\" here")
    end
    local near, others = nil, { names = {} }
    local list = children.list(args.children, ctx, "children", 33)
    for i, node in ipairs(list) do
        if list.keys[i] == zone then
            near = node
        else
            others[#others + 1], others.names[#others + 1] = node, list.keys[i]
        end
    end
    if near == nil then
        ctx:fail("children", "no child is called '%s', as the local zone is: children takes a set with that zone", zone)
    end
    return near, others, zone
end

-- The first hit of the other zones is better than a faster miss, whatever `miss` says of the local one.
local function zone_failover(args, ctx, can_miss)
    local near, others, zone = zones_of(args, ctx)
    if #others == 0 then return near end
    local on = ctx:on(args.miss)
    local counter = ctx:counter(args, "_retries")
    if counter or can_miss and not args.miss then
        local all = ctx.one_of(others, "mg.all_fastest", can_miss and { { "hit", "true" } })
        return text.call("mg.failover", { near, all }, { { "on", on }, { "retries", counter } })
    end
    local zones = { { zone, near } }
    for i, name in ipairs(others.names) do zones[i + 1] = { name, others[i] } end
    local fields = { { "here", text.quote(zone) }, { "zones", text.call("", {}, zones) }, { "on", on } }
    return text.call("mg.zone_failover", {}, fields)
end

local function handle_zfailover(args, ctx)
    ctx:check(args, { "children", "miss", "stats", "stats_name", "local_zone", "failover_count" })
    if args.miss == nil then
        ctx:note("route_zfailover", "only an error asks the other zones, as routelib's README says; its code does so "
            .. "after a miss, too: write miss = true for that")
    end
    return ctx:by_miss(function(can_miss, of) return zone_failover(args, of, can_miss) end)
end

return { failover = handle_failover, zfailover = handle_zfailover }
