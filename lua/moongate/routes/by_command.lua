--- by_command: choose a route by command or group of commands.
-- A cas belongs to one server: gets, gats, cas and the meta commands want the same route.
--
--     mg.by_command { get = replicas, delete = everywhere, incr = counters, default = main }
local abi = require "moongate.abi"
local commands = require "moongate.commands"
local policy = require "moongate.policy"
local reply = require "moongate.reply"

local C = abi.C

local NONE = reply.error "no route for this command"

local known = commands.readers(policy.child, { default = policy.child })

--- Groups: get (get, gets, mg, me), update (set, add, replace, append, prepend, cas, ms), delete (delete, md),
-- arithmetic (incr, decr, ma), touch (touch, gat, gats), meta (mg, ms, md, ma, me). The more specific name wins: a
-- single command before meta, meta before the other groups.
-- @param spec table  routes by name, and `default`; without it the other commands get an error
return function(spec)
    local _, options = policy.read("mg.by_command", spec, known, 0, 0)
    local children, shown = { options.default or NONE }, { options.default }
    local words, places = {}, {}
    for id, route in pairs(commands.by_id(options)) do
        if not places[route] then
            children[#children + 1] = route
            shown[#shown + 1] = route
            places[route] = #children - 1
        end
        words[#words + 1] = { command = id, child = places[route] }
    end
    if #words == 0 then policy.fail("mg.by_command", "names no command") end
    return policy.route("by_command", C.ROUTE_COMMAND, children, {}, words, shown)
end
