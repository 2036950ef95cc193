--- failover: try the next route when the one before fails, or misses.
--
--     mg.failover { users, gutter }
--     mg.failover { near, far, on = { "timeout", "down", "miss" }, order = "shuffled", share = 0.1 }
--     mg.failover { near, far, on = { get = { "error", "miss" }, default = "error" }, commands = { "get", "delete" } }
local abi = require "moongate.abi"
local commands = require "moongate.commands"
local failing = require "moongate.failing"
local policy = require "moongate.policy"

local C = abi.C

local known = failing.readers {
    tries = policy.count(1, 32),           -- children tried at most
    order = policy.one_of(failing.orders), -- of the children behind the first
}

--- Asks the first child; after a result that `on` names ("error" unless given) asks the next. The last result counts;
-- but after only misses and errors the client gets the miss, unless `result` is "last". The first child alone compares
-- a cas, and the cas of another child is not shown (see lua/README.md). Where a miss goes on, the last child makes the
-- item for N of mg, ma.
-- @param spec table  2 to 32 routes, and options
return function(spec)
    local children, options = policy.read("mg.failover", spec, known, 2, 32)
    if options.retries then
        for i = 2, #children do children[i] = policy.counted(children[i], options.retries) end
    end
    local on = commands.only(options.on or commands.all(policy.errors), options.commands)
    local fields, words = commands.union(on)
    fields.tries = options.tries or #children
    fields.share = options.share or 1
    fields.burst, fields.order = options.burst, options.order
    fields.within, fields.last = options.within, options.result
    return policy.route("failover", C.ROUTE_FAILOVER, children, fields, words)
end
