--- by_route_prefix: choose a route by the prefix /region/cluster/ that a key may begin with, as mcrouter does.
-- The route gets the key without the prefix. A prefix with stars goes to all routes that it matches: the first one's
-- result counts, which is that of the default prefix if it matches.
--
--     mg.by_route_prefix { { ["/us/users/"] = users, ["/us/pages/"] = pages }, default = "/us/users/" }
local abi = require "moongate.abi"
local all_initial = require "moongate.routes.all_initial"
local policy = require "moongate.policy"
local reply = require "moongate.reply"
local routes = require "moongate.routes"

local C = abi.C

local NAME = "mg.by_route_prefix"
local MOST = 62 -- different routes: C has a bit for each child

-- What mcrouter answers.
local UNKNOWN = reply.error "RootRoute: No rh found"

local read_bytes = policy.bytes(1, 200)

local function prefix(value)
    local bytes, wrong = read_bytes(value)
    if wrong then return nil, wrong end
    if bytes:find "^/[^/*]+/[^/*]+/$" then return bytes end
    return nil, ("takes a prefix with three slashes, such as \"/region/cluster/\", not '%s'"):format(bytes)
end

local known = {
    default = prefix,                  -- where keys without a prefix go
    unknown_to_default = policy.flag,  -- true: keys with an unknown prefix go there too; else they get an error
}

local function check_table(list)
    if type(list) ~= "table" or routes.is_route(list) then
        policy.fail(NAME, "takes a table of prefixes first: { { [\"/us/users/\"] = users }, default = \"/us/users/\" }")
    end
end

local function check(list, default)
    for name, route in pairs(list) do
        local _, wrong = prefix(name)
        if not wrong then _, wrong = policy.child(route) end
        if wrong then policy.fail(NAME, ("prefix '%s' %s"):format(tostring(name), wrong)) end
    end
    if list[default] == nil then
        policy.fail(NAME, ("names no route for the default prefix '%s'"):format(default))
    end
end

-- The prefixes, the default one first, then by their bytes.
local function ordered(list, default)
    local names = {}
    for name in pairs(list) do names[#names + 1] = name end
    table.sort(names, function(a, b)
        if (a == default) ~= (b == default) then return a == default end
        return a < b
    end)
    return names
end

-- Prefixes with stars, and for each the numbers of the routes that it means.
local function globs(names, number)
    local sets, patterns = {}, {}
    local function add(pattern, route)
        if not sets[pattern] then
            sets[pattern] = { seen = {} }
            patterns[#patterns + 1] = pattern
        end
        local set = sets[pattern]
        if not set.seen[route] then
            set.seen[route] = true
            set[#set + 1] = route
        end
    end
    for _, name in ipairs(names) do
        local region, cluster = name:match "^/([^/]+)/([^/]+)/$"
        add("/*/*/", number[name])
        add("/" .. region .. "/*/", number[name])
        add("/*/" .. cluster .. "/", number[name])
    end
    return patterns, sets
end

-- Adds a child for each set of several routes, and a word for each prefix with stars.
local function add_globs(names, number, children, words)
    local patterns, sets = globs(names, number)
    local made = {}
    for _, pattern in ipairs(patterns) do
        local set = sets[pattern]
        local id = table.concat(set, " ")
        if not made[id] and #set > 1 then
            local meant = {}
            for i, child in ipairs(set) do meant[i] = children[child + 1] end
            children[#children + 1], made[id] = all_initial(meant), #children
        end
        words[#words + 1] = { text = pattern, child = made[id] or set[1] }
    end
end

--- @param spec table  a table prefix -> route, and options
return function(spec)
    local list = type(spec) == "table" and not routes.is_route(spec) and spec[1]
    check_table(list)
    local given = {}
    for name, value in pairs(spec) do
        if name ~= 1 then given[name] = value end
    end
    if given[2] ~= nil then policy.fail(NAME, "takes one table of prefixes, and options") end
    local _, options = policy.read(NAME, given, known, 0, 0)
    policy.want(NAME, options, "default")
    check(list, options.default)
    local children, place, number = { UNKNOWN }, {}, {}
    local words = { { text = "", child = options.unknown_to_default and 1 or 0 } }
    for _, name in ipairs(ordered(list, options.default)) do
        local route = list[name]
        if not place[route] then
            children[#children + 1], place[route] = route, #children
        end
        number[name] = place[route]
        words[#words + 1] = { text = name, child = number[name] }
    end
    if #children - 1 > MOST then policy.fail(NAME, ("takes up to %d different routes"):format(MOST)) end
    local shown = { unpack(children, 2) }
    add_globs(ordered(list, options.default), number, children, words)
    return policy.route("by_route_prefix", C.ROUTE_ROUTE_PREFIX, children, {}, words, shown)
end
