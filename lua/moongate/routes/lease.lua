--- lease: of many clients that miss a key one gets the miss, and the others wait for its set.
--
--     mg.lease { users, ttl = 30 }
--     mg.lease { users, ttl = 30, wait = 0.1, stale = 60, refresh = 30 }
--
-- The server holds all state: `mg KEY N30` leaves an empty item, the placeholder, and the answer says who has won. So
-- it holds over all workers and machines. Needs memcached 1.6.10 or later.
local abi = require "moongate.abi"
local options = require "moongate.options"
local policy = require "moongate.policy"
local routes = require "moongate.routes"

local C, script = abi.C, abi.script

local LONGEST = 30 * 24 * 3600 -- seconds: memcached takes a larger exptime for a date

local known = {
    ttl = policy.count(1, LONGEST - 1),               -- seconds that a placeholder lives
    wait = options.number(0.001, 60, "seconds"),      -- for the set of another client
    stale = policy.count(0, LONGEST / 2),             -- seconds that items are kept beyond their time, or a delete
    refresh = policy.count(0, LONGEST / 2),           -- seconds before its end in which one client renews an item
    waiting = policy.count(1, 1e6),                   -- clients that wait, in each worker
    name = options.short_name(64),                    -- under which it is counted
    without_meta = policy.one_of { error = false, plain = true } -- servers that know no meta commands
}

-- Commands that take part as reads; the others meet placeholders.
local reads = { "get", "gets", "gat", "gats", "mg" }

--- @param spec table  a route, and options
return function(spec)
    local children, read = policy.read("mg.lease", spec, known, 1, 1)
    policy.want("mg.lease", read, "ttl")
    local is_plain = read.without_meta or false
    if is_plain and (read.stale or 0) > 0 then
        policy.fail("mg.lease", "keeps no stale items with without_meta = \"plain\": they would live too long there")
    end
    local wrong = abi.text(C.mg_lease_refuses(script, routes.number_of(children[1]), is_plain))
    if wrong then policy.fail("mg.lease", wrong) end
    local fields = {
        seconds = read.ttl,
        after = read.stale or 0,
        before = read.refresh or 0,
        within = read.wait or 0.1,
        most_in_flight = read.waiting or 10000,
        cap = is_plain and 1 or 0,
    }
    local other = policy.route("lease", C.ROUTE_ABSENT, children, fields)
    local get = policy.route("lease", C.ROUTE_LEASE, { children[1], other }, fields,
        { { text = read.name or routes.word(children[1]) } }, children)
    local words = {}
    for _, command in ipairs(reads) do
        words[#words + 1] = { command = C.mg_find_command(command, #command), child = 1 }
    end
    return policy.route("lease", C.ROUTE_COMMAND, { other, get }, {}, words, children)
end
