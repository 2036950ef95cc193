-- 17: what workers share. Each tenant (what stands before the first colon of a key) may write 1000 times a minute,
-- counted over all workers and reloads. `stats script` shows how many writes were refused.
local mg = require "moongate"

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314" }
local writes = mg.shared("writes", "1m")
local refused = mg.counter "refused"
local too_many = mg.reply.error "too many writes"

local function count(req)
    local tenant = req.key:match "^[^:]+" or "none"
    if writes:incr(tenant, 1, 0, 60) <= 1000 then return servers end -- begins with 0, for 60 s
    refused:add(1)
    return too_many
end

return mg.by_command { get = servers, default = count }
