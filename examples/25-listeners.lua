-- 25: an address for each application. Each has a pool of its own behind an address of its own, as with one proxy for
-- each of them. The socket of the web servers is open to their group alone, and they may look for sessions, too.
local mg = require "moongate"

local shop = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "shop" }
local sessions = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "sessions" }

mg.listen { "127.0.0.1:22121", shop, name = "shop" }
mg.listen { "127.0.0.1:22122", sessions, name = "sessions" }
mg.listen { "unix:/tmp/moongate-web.sock", mode = "0660", name = "web" }

return function(req)
    return req.listener == "web" and req:has_prefix "session:" and sessions or shop
end
