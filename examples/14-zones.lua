-- 14: zones. The same script on all hosts: each uses the pool of its own zone, and when that fails, all others at once.
-- ZONE=west moongate examples/14-zones.lua
local mg = require "moongate"

return mg.zone_failover {
    here = mg.env "ZONE" or "east",
    zones = {
        east = mg.pool { "127.0.0.1:11311", name = "east", timeout = 0.1 },
        west = mg.pool { "127.0.0.1:11312", name = "west", timeout = 0.1 },
        south = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "south", timeout = 0.1 },
    },
}
