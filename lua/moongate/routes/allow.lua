--- allow: choose a route by who asks: the user, or the name in the client's certificate. Others are refused.
--
--     mg.allow { ["team-a"] = users, ["user:bob"] = pages, otherwise = mg.reply.miss() }
local abi = require "moongate.abi"
local policy = require "moongate.policy"
local reply = require "moongate.reply"
local routes = require "moongate.routes"

local C = abi.C

local NONE = reply.error "not allowed"

local function wrong_of(name, route)
    local _, wrong = policy.identity(name)
    if not wrong then _, wrong = policy.child(route) end
    return wrong
end

-- The names, without what stands for all others.
local function check(spec)
    if type(spec) ~= "table" or routes.is_route(spec) then
        policy.fail("mg.allow", "takes a table of names and routes: { [\"team-a\"] = users }")
    end
    local names = {}
    for name, route in pairs(spec) do
        local wrong
        if name == "otherwise" then
            wrong = select(2, policy.child(route))
        else
            wrong, names[name] = wrong_of(name, route), route
        end
        if wrong then policy.fail("mg.allow", ("name '%s' %s"):format(tostring(name):gsub("%z", "\\0"), wrong)) end
    end
    if next(names) == nil then policy.fail("mg.allow", "names nobody") end
    return names
end

--- @param spec table  name -> route; otherwise: the route of all others
return function(spec)
    routes.check_loading "mg.allow"
    local named = policy.whole_identities(check(spec))
    local children, shown, words, places = { spec.otherwise or NONE }, { spec.otherwise }, {}, {}
    local ordered = {}
    for identity in pairs(named) do ordered[#ordered + 1] = identity end
    table.sort(ordered)
    for _, identity in ipairs(ordered) do
        local route = named[identity]
        if not places[route] then
            places[route] = #children
            children[#children + 1], shown[#shown + 1] = route, route
        end
        words[#words + 1] = { text = identity, child = places[route] }
    end
    return policy.route("allow", C.ROUTE_IDENTITY, children, {}, words, shown)
end
