-- 31: items in moongate itself. Sessions are kept in memory that all workers of this host share, so no server is asked
-- for them, and a reload or an upgrade keeps them. They end with this host: what must outlive it belongs in a pool.
local mg = require "moongate"

local sessions = mg.store { size = "64m", name = "sessions" }
local pages = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "pages" }

return mg.by_prefix { { ["session:"] = sessions }, default = pages }
