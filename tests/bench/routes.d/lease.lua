--- Of many that miss a key one gets the miss; most requests here are hits. wanted: 1.15
local mg = require "moongate"

local first = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }

return mg.lease { first, ttl = 30 }
