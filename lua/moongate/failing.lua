--- failing: the options of mg.failover that policies made of a failover have, too.
local abi = require "moongate.abi"
local commands = require "moongate.commands"
local policy = require "moongate.policy"

local C = abi.C

local M = {}

M.orders = { as_written = C.ORDER_AS_WRITTEN, shuffled = C.ORDER_SHUFFLED, least_failures = C.ORDER_LEAST_FAILURES }

local common = {
    on = commands.results,         -- results after which the next child is tried; or those by commands
    commands = commands.names,     -- the others have the first child's result; all unless given
    share = policy.share,          -- of requests that may go beyond their first child
    burst = policy.number(0, 1e9), -- this many more at once
    within = policy.seconds,       -- for each child: then the next is asked
    -- Which result counts when no child has a good one: the last one; or a miss rather than an error.
    result = policy.one_of { best = 0, last = 1 },
    retries = policy.counter,      -- counts each child that is asked after the first
}

--- Readers of those options and of others.
function M.readers(others)
    local readers = {}
    for _, of in ipairs { common, others } do
        for name, reader in pairs(of) do readers[name] = reader end
    end
    return readers
end

--- Gives those options of a policy to a failover, as the script wrote them.
-- @param spec table  the policy's; @param to table  the failover's routes and options
-- @return table  to
function M.pass(spec, to)
    for name in pairs(common) do to[name] = spec[name] end
    return to
end

return M
