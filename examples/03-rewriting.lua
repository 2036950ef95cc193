-- 03: rewriting. What is set here is what the server gets; the client still sees its own key in the answer.
local mg = require "moongate"

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314" }
local short = mg.cap_ttl { servers, 60 }

return function(req)
    -- Short-lived keys live for a minute at most, whatever the application asked for. A time in the past stays one.
    if req:has_prefix "tmp:" then return short end
    -- Pages without a time of their own live for a day.
    if req:has_prefix "page:" and req.exptime == 0 then req.exptime = 86400 end
    -- A new format of values: change the key once, and nobody reads the old ones.
    if req:has_prefix "page:" then req.key = "v2:" .. req.key end
    return servers
end
