-- 30: regions. Each region has servers of its own; applications read and write those of theirs. A delete goes to the
-- other region, too, so that nobody there reads what is old. For a server out of reach, deletes wait on the disk.
local mg = require "moongate"

local west = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "west" }
local east = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "east", timeout = 0.5 }

local spool = "/var/spool/moongate"
west = mg.spool_deletes { west, dir = spool }
east = mg.spool_deletes { east, dir = spool }

local here = mg.by_command { delete = mg.all_sync { west, east }, default = west }

return mg.by_route_prefix {
    { ["/west/shop/"] = here, ["/east/shop/"] = east }, -- a key may say where: /east/shop/cart:1
    default = "/west/shop/",
}
