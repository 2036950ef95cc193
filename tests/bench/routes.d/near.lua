--- Reads that are answered from copies. wanted: 0.45
-- load: -c 20 -d 32 -m 0
local mg = require "moongate"

local first = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }

return mg.near { mg.store { size = "64m" }, first, ttl = 3600 }
