--- key_split: copies of hot keys: each worker of each host reads one of them, and writes go to all.
-- Copy 0 is the key itself; copy n is the key with "::n" behind it.
--
--     mg.key_split { users, replicas = 4, all_sync = true }
local abi = require "moongate.abi"
local commands = require "moongate.commands"
local modify_key = require "moongate.routes.modify_key"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    replicas = policy.count(2, 1000),
    all_sync = policy.flag,        -- writes wait for all copies, and the worst result counts; else for their own copy
    first_hit = policy.flag,       -- a read that misses its copy asks all others, and the first hit counts
    id = policy.count(0, 2 ^ 53),  -- which copy is read: id modulo replicas; else by the host's name and the worker
}

local reads = { get = true, gats = true, gat = true }

local function copies(route, options)
    local host = abi.text(C.mg_host())
    local id = options.id or C.mg_hash_text(host, #host) + C.mg_worker(abi.script)
    local list = {}
    for i = 1, options.replicas do
        local n = (id + i - 1) % options.replicas -- its own first
        list[i] = n == 0 and route or modify_key { route, suffix = "::" .. n }
    end
    return list
end

local function read_route(list)
    local others = { unpack(list, 2) }
    local all = policy.route("first_hit", C.ROUTE_ALL, others, { wait = C.WAIT_HIT })
    local on = bit.bor(policy.errors, C.mg_result_bits("miss", 4))
    return policy.route("failover", C.ROUTE_FAILOVER, { list[1], all }, { on = on, tries = 2, share = 1 })
end

--- @param spec table  a route, and options
return function(spec)
    local children, options = policy.read("mg.key_split", policy.tail(spec, "replicas"), known, 1, 1)
    policy.want("mg.key_split", options, "replicas")
    local list = copies(children[1], options)
    local write = policy.route(options.all_sync and "all_sync" or "all_initial", C.ROUTE_ALL, list,
        { wait = options.all_sync and C.WAIT_ALL or C.WAIT_INITIAL })
    local read = options.first_hit and read_route(list) or list[1]
    local words = {}
    for id in pairs(commands.by_id(reads)) do words[#words + 1] = { command = id, child = 1 } end
    return policy.route("key_split", C.ROUTE_COMMAND, { write, read }, {}, words)
end
