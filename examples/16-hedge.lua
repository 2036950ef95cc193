-- 16: hedging. Of two pools with the same keys the near one is asked; when it is slower than 19 of 20 of its own
-- answers were, at the latest after 50 ms, the far one is asked too, and the first answer counts.
local mg = require "moongate"

local near = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "near" }
local far = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "far" }

return mg.by_command {
    get = mg.hedge { near, far, percentile = 0.95, most = 0.05 },
    default = mg.all_sync { near, far },
}
