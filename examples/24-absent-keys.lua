-- 24: keys that are not there. Some are asked for again and again though nobody has stored them: each worker remembers
-- for 200 ms that "flag:" keys are missing, and does not ask for them. What is written through this machine is
-- seen at once, what another one writes after 200 ms: so this is for keys that may come a moment late.
local mg = require "moongate"

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314" }

return mg.by_prefix {
    { ["flag:"] = mg.negative_cache { servers, 0.2, keys = 10000 } },
    default = servers,
}
