--- moongate: what a script gets from `require "moongate"`.
--
--     local mg = require "moongate"
--     return mg.pool { "127.0.0.1:11311", "127.0.0.1:11312" }
local abi = require "moongate.abi"
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

return {
    --- mg.pool { servers..., options... }: a route over servers.
    pool = pool.pool,
    --- mg.defaults { options... }: options of the pools that are made after it.
    defaults = pool.defaults,
    --- mg.reply.miss(), mg.reply.error "text": ready answers.
    reply = { miss = reply.miss, error = reply.error },
    --- The servers named with --servers.
    servers = servers(),
}
