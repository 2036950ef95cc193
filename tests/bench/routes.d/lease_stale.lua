--- The same, where items are kept for a while: reads are asked as mg, and say how long the item has. wanted: 2.0
local mg = require "moongate"

local first = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }

return mg.lease { first, ttl = 30, stale = 60 }
