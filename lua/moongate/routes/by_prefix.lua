--- by_prefix: choose a route by the beginning of the key; the longest prefix that fits counts.
--
--     mg.by_prefix { { ["user:"] = users, ["user:vip:"] = vips }, default = rest }
--     mg.by_prefix { { user = users, page = pages }, separator = ":", default = rest }
local abi = require "moongate.abi"
local policy = require "moongate.policy"
local reply = require "moongate.reply"
local routes = require "moongate.routes"

local C = abi.C

local NONE = reply.error "no route for this key"

local known = {
    default = policy.child,        -- for all other keys; without it they get an error
    separator = policy.bytes(1, 16), -- the part of the key before it is looked up as a whole
    parts = policy.count(1, 100),  -- the part before the nth one
    anchor = policy.bytes(1, 250), -- keys begin with this, and the part after it is looked up
}

local read_prefix = policy.bytes(1, 250)

local function check(list)
    if type(list) ~= "table" or routes.is_route(list) then
        policy.fail("mg.by_prefix", "takes a table of prefixes first: { { [\"user:\"] = users }, default = rest }")
    end
    if next(list) == nil then policy.fail("mg.by_prefix", "names no prefix") end
    for prefix, route in pairs(list) do
        local _, wrong = read_prefix(prefix)
        if not wrong then _, wrong = policy.child(route) end
        if wrong then policy.fail("mg.by_prefix", ("prefix '%s' %s"):format(tostring(prefix), wrong)) end
    end
end

-- The routes, each once, in the order of the first of its prefixes by their bytes. C sorts the prefixes.
local function routes_of(list)
    local first, ordered = {}, {}
    for prefix, route in pairs(list) do
        if not first[route] then ordered[#ordered + 1] = route end
        if not first[route] or prefix < first[route] then first[route] = prefix end
    end
    table.sort(ordered, function(a, b) return first[a] < first[b] end)
    return ordered
end

--- @param spec table  a table prefix -> route, and options
return function(spec)
    local list = type(spec) == "table" and not routes.is_route(spec) and spec[1]
    check(list)
    if spec[2] ~= nil then policy.fail("mg.by_prefix", "takes one table of prefixes, and options") end
    local given = {}
    for name, value in pairs(spec) do
        if name ~= 1 then given[name] = value end
    end
    local _, options = policy.read("mg.by_prefix", given, known, 0, 0)
    if (options.parts or options.anchor) and not options.separator then
        policy.fail("mg.by_prefix", "options 'parts' and 'anchor' go with 'separator'")
    end
    local children, shown = { options.default or NONE }, { options.default }
    local words, places = { { text = options.separator }, { text = options.anchor } }, {}
    for i, route in ipairs(routes_of(list)) do
        children[i + 1], places[route] = route, i
        shown[#shown + 1] = route
    end
    for prefix, route in pairs(list) do
        words[#words + 1] = { text = prefix, child = places[route] }
    end
    local match = options.separator and C.MATCH_PART or C.MATCH_PREFIX
    local fields = { match = match, parts = options.parts or 1 }
    return policy.route("by_prefix", C.ROUTE_PREFIX, children, fields, words, shown)
end
