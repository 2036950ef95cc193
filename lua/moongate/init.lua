--- moongate: what a script gets from `require "moongate"`.
--
--     local mg = require "moongate"
--     return mg.pool { "127.0.0.1:11311", "127.0.0.1:11312" }
local abi = require "moongate.abi"
local async = require "moongate.async"
local built = require "moongate.built"
local daemon = require "moongate.daemon"
local each = require "moongate.each"
local listen = require "moongate.listen"
local log = require "moongate.log"
local metrics = require "moongate.metrics"
local pool = require "moongate.pool"
local readonly = require "moongate.readonly"
local reply = require "moongate.reply"
local shared = require "moongate.shared"
local store = require "moongate.store"
local timer = require "moongate.timer"

local function servers()
    local list = {}
    while true do
        local server = abi.text(abi.C.mg_server(abi.script, #list))
        if not server then return list end
        list[#list + 1] = server
    end
end

local mg = {
    --- mg.pool { servers..., options... }: a route over servers.
    pool = pool.pool,
    --- mg.store { size = "64m", name = "..." }: a route that keeps items itself.
    store = store.store,
    --- mg.defaults { options... }: options for pools that are made later.
    defaults = pool.defaults,
    --- mg.each(pool): a list of routes, one to each server of the pool.
    each = each.each,
    --- mg.reply.miss(), mg.reply.error "text", mg.reply.value(value, flags): ready answers.
    reply = readonly.of("mg.reply", { miss = reply.miss, error = reply.error, value = reply.value }),
    --- mg.async(function(req) ... end): a route made of a function that may wait. See lua/README.md.
    async = async.async, call = async.call, call_all = async.call_all, call_each = async.call_each,
    spawn = async.spawn, sleep = async.sleep,
    --- mg.request.get(key), mg.request.set(key, value, flags, exptime) ...: requests to send with these.
    request = readonly.of("mg.request", built.make),
    --- mg.shared(name, size): a dictionary that all workers share.
    shared = shared.shared,
    --- mg.counter(name), mg.gauge(name), mg.histogram(name [, bounds]): shown by `stats script`.
    counter = metrics.counter,
    gauge = metrics.gauge,
    histogram = metrics.histogram,
    --- mg.timer.every(seconds, f), mg.timer.after(seconds, f): a timer with timer:stop().
    timer = readonly.of("mg.timer", { every = timer.every, after = timer.after }),
    --- mg.log(text), mg.log.debug, .info, .warn, .error: a line in the log.
    log = log,
    --- Seconds of the loop's clock; seconds since 1970.
    now = daemon.now,
    time = daemon.time,
    --- An environment variable, while the script loads.
    env = daemon.env,
    --- mg.listen { address, route, options... }: where clients connect.
    listen = listen.listen,
    --- mg.worker.id, .count, .generation.
    worker = daemon.worker,
    --- mg.options { ... }: options of the daemon.
    options = daemon.options,
    --- The servers that --servers names: a copy of the list.
    servers = servers(),
    --- The bytes that --store gives; 0 without it.
    store_size = abi.C.mg_store_size(abi.script),
}

-- mg.failover, mg.all_sync ...: each policy is a file of moongate/routes, which is loaded when a script first calls it:
-- most scripts use a few, and each worker would hold them all.
local policies = {
    "all_async",
    "all_fastest",
    "all_initial",
    "all_majority",
    "all_sync",
    "allow",
    "big_value",
    "by_command",
    "by_prefix",
    "by_route_prefix",
    "cap_ttl",
    "coalesce",
    "compare",
    "delay",
    "deny",
    "error",
    "failover",
    "failover_with_exptime",
    "hash",
    "hedge",
    "key_split",
    "l1_l2",
    "latest",
    "lease",
    "log_requests",
    "migrate",
    "modify_key",
    "near",
    "negative_cache",
    "null",
    "outstanding_limit",
    "random",
    "rate_limit",
    "set_ttl",
    "shadow",
    "spool_deletes",
    "staging",
    "warm_up",
    "zone_failover",
}
for _, name in ipairs(policies) do
    local make
    mg[name] = function(...)
        make = make or require("moongate.routes." .. name)
        return make(...)
    end
end

---@type moongate
return readonly.of("mg", mg)
