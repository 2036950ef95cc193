-- 15: waiting. Keys have a new form, "u2:17" for what was "user:17". What is only there in its old form is copied, so
-- that old keys are looked for once. mg.call waits for the answer; other clients are served meanwhile.
local mg = require "moongate"

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314" }

local renamed = mg.async(function(req)
    local now = mg.call(servers, req)
    if not now:is_miss() then return now end
    local before = mg.call(servers, mg.request.get("user:" .. req.key:sub(4)))
    if before:is_hit() then
        mg.spawn(servers, mg.request.add(req.key, before.value, before.flags, 3600)) -- does not wait
    end
    return before -- under the key that the client asked for
end)

return function(req)
    if req.command == "get" and req:has_prefix "u2:" then return renamed end
    return servers
end
