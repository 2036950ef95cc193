-- 09: a shadow. A new pool gets a tenth of all keys too, reads and writes, always the same ones. What it answers is
-- dropped, so that it can be slow or wrong while it is looked at: `stats servers` shows how it does.
local mg = require "moongate"

local old = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "old" }
local new = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "new" }

return mg.shadow { old, to = new, keys = 0.1 }
