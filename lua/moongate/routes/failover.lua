--- failover: try the next route when the one before fails, or misses.
--
--     mg.failover { users, gutter }
--     mg.failover { near, far, on = { "timeout", "down", "miss" }, order = "shuffled", share = 0.1 }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local orders = { as_written = C.ORDER_AS_WRITTEN, shuffled = C.ORDER_SHUFFLED,
    least_failures = C.ORDER_LEAST_FAILURES }

local known = {
    on = policy.results,           -- results after which the next child is tried
    tries = policy.count(1, 32),   -- children tried at most
    order = policy.one_of(orders), -- of the children behind the first
    share = policy.share,          -- of requests that may go beyond their first child
    burst = policy.number(0, 1e9), -- this many more at once
    retries = policy.counter,      -- counts each child that is asked after the first
}

--- Asks the first child; after a result that `on` names ("error" unless given) asks the next. The last result counts;
-- but after only misses and errors the client gets the miss. The first child alone compares a cas, and the cas of
-- another child is not shown (see lua/README.md). Where a miss goes on, the last child makes the item for N of mg, ma.
-- @param spec table  2 to 32 routes, and options
return function(spec)
    local children, options = policy.read("mg.failover", spec, known, 2, 32)
    options.on = options.on or policy.errors
    options.tries = options.tries or #children
    options.share = options.share or 1
    if options.retries then
        for i = 2, #children do children[i] = policy.counted(children[i], options.retries) end
        options.retries = nil
    end
    return policy.route("failover", C.ROUTE_FAILOVER, children, options)
end
