-- 05: a gutter. While a server is down, its keys live in another pool, for a minute at most: so nothing old is left
-- there when the server goes down again. The gutter may be small, and is idle on good days.
local mg = require "moongate"

local users = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "users", timeout = 0.2 }
local gutter = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "gutter" }

return mg.failover_with_exptime { users, gutter, 60 }
