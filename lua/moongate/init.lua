--- moongate: what a script gets from `require "moongate"`.
--
--     local mg = require "moongate"
--     return mg.pool { "127.0.0.1:11311", "127.0.0.1:11312" }
local abi = require "moongate.abi"
local async = require "moongate.async"
local built = require "moongate.built"
local pool = require "moongate.pool"
local reply = require "moongate.reply"

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
    --- mg.defaults { options... }: options of the pools that are made after it.
    defaults = pool.defaults,
    --- mg.reply.miss(), mg.reply.error "text", mg.reply.value(value, flags): ready answers.
    reply = { miss = reply.miss, error = reply.error, value = reply.value },
    --- mg.async(function(req) ... end): a route whose function may wait: mg.call, mg.call_all, mg.sleep. See the README.
    async = async.async, call = async.call, call_all = async.call_all, call_each = async.call_each,
    spawn = async.spawn, sleep = async.sleep,
    --- mg.request.get(key), mg.request.set(key, value, flags, exptime) ...: requests to send with those.
    request = built.make,
    --- The servers named with --servers.
    servers = servers(),
}

-- mg.failover, mg.all_sync ...: each policy is a file of moongate/routes.
local policies = {
    "all_async",
    "all_fastest",
    "all_initial",
    "all_majority",
    "all_sync",
    "big_value",
    "failover",
    "l1_l2",
    "migrate",
    "staging",
    "warm_up",
}
for _, name in ipairs(policies) do
    mg[name] = require("moongate.routes." .. name)
end

return mg
