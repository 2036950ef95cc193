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

local function check(list)
    if type(list) ~= "table" or routes.is_route(list) then
        policy.fail("mg.by_prefix", "takes a table of prefixes first: { { [\"user:\"] = users }, default = rest }")
    end
    if next(list) == nil then policy.fail("mg.by_prefix", "names no prefix") end
    for prefix, route in pairs(list) do
        local _, wrong = policy.bytes(1, 250)(prefix)
        if not wrong then _, wrong = policy.child(route) end
        if wrong then policy.fail("mg.by_prefix", ("prefix '%s' %s"):format(tostring(prefix), wrong)) end
    end
end

local function sorted(list)
    local prefixes = {}
    for prefix in pairs(list) do prefixes[#prefixes + 1] = prefix end
    table.sort(prefixes)
    return prefixes
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
    for _, prefix in ipairs(sorted(list)) do
        local route = list[prefix]
        if not places[route] then
            children[#children + 1] = route
            shown[#shown + 1] = route
            places[route] = #children - 1
        end
        words[#words + 1] = { text = prefix, child = places[route] }
    end
    local match = options.separator and C.MATCH_PART or C.MATCH_PREFIX
    local fields = { match = match, parts = options.parts or 1 }
    return policy.route("by_prefix", C.ROUTE_PREFIX, children, fields, words, shown)
end
