--- each: mg.each(pool): a list of routes, one to each server of a pool.
--
--     return mg.all_sync(mg.each(users))
--     return mg.failover { mg.each(users), gutter }
local abi = require "moongate.abi"
local routes = require "moongate.routes"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

local NOT_A_POOL = "mg.each takes a pool, not %s: mg.each(pool) gives a list of routes, one to each of its servers"
local DISCOVERED = "mg.each: the servers of %s are discovered, and change while it serves: name them in the pool"

-- The number of a pool's route; nil: the value is none.
local function number_of(value)
    local number = routes.numbers[value]
    return number and C.mg_pool_size(script, number) ~= C.MG_NO_POOL and number or nil
end

--- True for a pool that always sends a key to the same server.
function M.places_keys(value)
    local number = number_of(value)
    return number ~= nil and C.mg_pool_places(script, number)
end

--- A list of routes, in the order in which the pool numbers its servers. Each uses the pool's own connections.
-- @param pool any  the route
function M.each(pool)
    routes.check_loading "mg.each"
    local number = number_of(pool)
    if not number then
        where.fail(NOT_A_POOL:format(routes.is_route(pool) and routes.name(pool) or "a " .. type(pool)))
    end
    local size, list = C.mg_pool_size(script, number), {}
    if size == C.MG_DISCOVERED then where.fail(DISCOVERED:format(routes.name(pool))) end
    for at = 0, size - 1 do
        local name = "server " .. abi.text(C.mg_pool_server(script, number, at))
        list[at + 1] = routes.value(C.mg_pool_one(script, number, at, name), name)
    end
    return list
end

return M
