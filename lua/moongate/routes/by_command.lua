--- by_command: choose a route by command or group of commands.
-- A cas belongs to one server: gets, gats, cas and the meta commands want the same route.
--
--     mg.by_command { get = replicas, gets = main, delete = everywhere, default = main }
local abi = require "moongate.abi"
local commands = require "moongate.commands"
local policy = require "moongate.policy"
local reply = require "moongate.reply"

local C = abi.C

local NONE = reply.error "no route for this command"

local known = commands.readers(policy.child, { default = policy.child })

-- Where gets has a route of its own and mg has none: mg that asks for a cas (c), or makes an item (N), goes with gets.
local function with_placed_mg(options)
    local get, gets = options.get, options.gets
    if not get or not gets or get == gets or options.mg or options.meta then return options end
    local of = { mg = policy.by_place("mg", get, gets) }
    for name, route in pairs(options) do of[name] = route end
    return of
end

--- Groups: get (get, gets, mg, me), update (set, add, replace, append, prepend, cas, ms), delete (delete, md),
-- arithmetic (incr, decr, ma), touch (touch, gat, gats), meta (mg, ms, md, ma, me). The more specific name wins: a
-- single command before meta, meta before the other groups. With different routes for get and gets, mg goes where get
-- goes, or where gets goes if it asks for a cas or makes an item.
-- @param spec table  routes by name, and `default`; without it the other commands get an error
return function(spec)
    local _, options = policy.read("mg.by_command", spec, known, 0, 0)
    local children, shown = { options.default or NONE }, { options.default }
    local words, places = {}, {}
    local of = with_placed_mg(options)
    local of_id, ids = commands.by_id(of), {}
    for id in pairs(of_id) do ids[#ids + 1] = id end
    table.sort(ids) -- each load shows the same order
    for _, id in ipairs(ids) do
        local route = of_id[id]
        if not places[route] then
            children[#children + 1] = route
            if route ~= of.mg or route == options.mg then shown[#shown + 1] = route end
            places[route] = #children - 1
        end
        words[#words + 1] = { command = id, child = places[route] }
    end
    if #words == 0 then policy.fail("mg.by_command", "names no command") end
    return policy.route("by_command", C.ROUTE_COMMAND, children, {}, words, shown)
end
