-- 23: a cache before the cache. Gets ask a small server nearby; what it does not have comes from the large pool far
-- away and stays nearby for ten seconds, and so does, for two, that there is nothing. Writes go to the far pool, and
-- nothing old stays in this near server; other hosts have their own, which may be ten seconds behind.
local mg = require "moongate"

local near = mg.pool { "127.0.0.1:11311", name = "near", timeout = 0.2 }
local far = mg.pool { "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314", name = "far" }

return mg.l1_l2 { near, far, exptime = 10, negative = 2 }
