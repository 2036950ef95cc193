-- 03: rewriting. What is set here is what the server gets; the client still sees its own key in the answer.
local mg = require "moongate"

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314" }

return function(req)
    -- Short-lived keys live for a minute at most, whatever the application asked for.
    if req:has_prefix "tmp:" and (req.exptime == 0 or req.exptime > 60) then req.exptime = 60 end
    -- A new format of values: change the key once, and nobody reads the old ones.
    if req:has_prefix "page:" then req.key = "v2:" .. req.key end
    return servers
end
