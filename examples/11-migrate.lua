-- 11: a move without a cliff. From `start` on, keys go over to the new pool one by one, each at a moment of its own;
-- after twice the interval the last one has. All proxies agree on the moments if their clocks do.
local mg = require "moongate"

local old = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "old" }
local new = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "new" }

return mg.migrate {
    old,
    new,
    start = 1798772400, -- date -d 2027-01-01T03:00Z +%s
    interval = 12 * 3600,
}
