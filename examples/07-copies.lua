-- 07: two copies of everything. Writes go to both pools and wait for both; reads go to one, and to the other one when
-- that errs or does not have the key.
local mg = require "moongate"

local east = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "east", timeout = 0.2 }
local west = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "west", timeout = 0.2 }

return mg.by_command {
    get = mg.failover { east, west, on = { "error", "miss" } },
    default = mg.all_sync { east, west }, -- the worse of the two answers counts
}
