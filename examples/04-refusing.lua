-- 04: refusing. A function may answer by itself: then no server sees the request.
local mg = require "moongate"

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314" }
local read_only = mg.reply.error "this cache is read-only for now"

local reads = { get = true, gets = true }

return function(req)
    if req:has_prefix "retired:" then return mg.reply.miss() end
    if req:has_prefix "frozen:" and not reads[req.command] then return read_only end
    return servers
end
