-- 12: hot keys. Those that begin with "front:" have three copies on different servers, and each worker reads its own;
-- for all other keys, gets of one key that are in flight at the same time share one call.
local mg = require "moongate"

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314" }

return mg.by_prefix {
    { ["front:"] = mg.key_split { servers, replicas = 3, all_sync = true, first_hit = true } },
    default = mg.coalesce { servers },
}
