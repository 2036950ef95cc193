--- near: copies of what is read, in a store of this machine, which no write of this machine leaves behind.
--
--     mg.near { mg.store { size = "16m" }, users }
--     mg.near { mg.store { size = "1m" }, users, ttl = 0.5, only = "hot" }
--
-- get, and mg with none but the flags v, f, k, O, b, q and s: the copy, if there is one; else the second route, whose
-- value becomes a copy. All other commands: the second route. A write by any worker of this machine, through this route
-- or another one, makes the copies of its key void before it is sent. Writes of other machines are seen after `ttl`.
local abi = require "moongate.abi"
local options = require "moongate.options"
local policy = require "moongate.policy"
local routes = require "moongate.routes"
local store = require "moongate.store"

local C = abi.C
local GET, MG = C.mg_find_command("get", 3), C.mg_find_command("mg", 2)

local known = {
    ttl = policy.number(0.05, 86400, "seconds"), -- how old a copy may be at most
    only = policy.one_of { hot = true },         -- "hot": copies of keys that are hot; unless given, of all
    share = policy.number(0, 1, "a share of requests"), -- with only = "hot": that a key must have at least
    name = options.short_name(64),               -- tells policies over one store apart, and is what they count under
}

-- Who copies into a store: names, by the store's name.
local taken = {}

-- Two policies over one store must not find each other's copies.
local function take_name(into, name)
    local names = taken[into] or {}
    if names[name] then
        policy.fail("mg.near", ("copies %s into the %s, as another mg.near does: give each of them a name, " ..
            "as in name = \"users\""):format(name, into))
    end
    taken[into], names[name] = names, true
    return name
end

--- @param spec table  a store, a route, and options
return function(spec)
    local children, read = policy.read("mg.near", spec, known, 2, 2)
    local into, from = children[1], children[2]
    if not store.is_store(into) then
        policy.fail("mg.near", ("keeps its copies in a store: item 1 must be one, as in " ..
            "mg.near { mg.store { size = \"1m\" }, route }, not %s"):format(routes.name(into)))
    end
    if into == from then
        policy.fail("mg.near", "copies from one route into another: both are the " .. routes.name(into))
    end
    if read.share and not read.only then
        policy.fail("mg.near", "takes the option 'share' only with only = \"hot\"")
    end
    local fields = { seconds = read.ttl or 1, share = read.only and (read.share or 0) or -1 }
    local name = take_name(routes.name(into), read.name or routes.name(from))
    local near = policy.route("near", C.ROUTE_NEAR, { from, into }, fields,
        { { text = name }, { text = read.name or routes.word(from) } }, children)
    return policy.route("near", C.ROUTE_COMMAND, { from, near }, {},
        { { command = GET, child = 1 }, { command = MG, child = 1 } }, children)
end
