--- key_split: keep copies of hot keys: each worker of each host reads one of them, and writes go to all.
-- Copy 0 has the key itself; copy n has "::n" after it. Requests with a cas, and those that make an item when they find
-- none (N), belong to copy 0 for all workers: a cas is read and compared there, before other copies are written.
--
--     mg.key_split { users, replicas = 4, all_sync = true }
local abi = require "moongate.abi"
local commands = require "moongate.commands"
local modify_key = require "moongate.routes.modify_key"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    replicas = policy.count(2, 1000),
    all_sync = policy.flag,        -- writes wait for all copies, the worst result counts; else for the worker's own
    first_hit = policy.flag,       -- a read that misses its copy asks all others; the first hit counts
    id = policy.count(0, 2 ^ 53),  -- the copy to read: id modulo replicas; else by host name and worker
}

local reads = { get = true, gats = true, gat = true }

-- Two lists of the copies: one begins with copy 0, the other with the worker's own.
local function copies(route, options)
    local host = abi.text(C.mg_host())
    local id = options.id or C.mg_hash_text(host, #host) + C.mg_worker(abi.script)
    local list, own = { route }, {}
    for n = 1, options.replicas - 1 do list[n + 1] = modify_key { route, suffix = "::" .. n } end
    for i = 1, #list do own[i] = list[(id + i - 1) % #list + 1] end
    return list, own
end

local function read_route(list, first_hit)
    if not first_hit then return list[1] end
    local others = { unpack(list, 2) }
    local all = policy.route("first_hit", C.ROUTE_ALL, others, { wait = C.WAIT_HIT })
    local on = bit.bor(policy.errors, C.mg_result_bits("miss", 4))
    return policy.route("failover", C.ROUTE_FAILOVER, { list[1], all }, { on = on, tries = 2, share = 1 })
end

-- A route over the copies in this order: reads ask the first, writes go to all.
local function route_over(list, options)
    local write = policy.route(options.all_sync and "all_sync" or "all_initial", C.ROUTE_ALL, list,
        { wait = options.all_sync and C.WAIT_ALL or C.WAIT_INITIAL })
    local words = {}
    for id in pairs(commands.by_id(reads)) do words[#words + 1] = { command = id, child = 1 } end
    return policy.route("key_split", C.ROUTE_COMMAND, { write, read_route(list, options.first_hit) }, {}, words)
end

--- @param spec table  a route, and options
return function(spec)
    local children, options = policy.read("mg.key_split", policy.tail(spec, "replicas"), known, 1, 1)
    policy.want("mg.key_split", options, "replicas")
    local list, own = copies(children[1], options)
    return policy.by_place("key_split", route_over(own, options), route_over(list, options), children)
end
