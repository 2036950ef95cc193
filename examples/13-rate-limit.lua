-- 13: rates. A batch job may not crowd out other clients: each worker lets 100 of its writes a second pass, 200 at
-- once after a pause, and 1000 reads. What is over that is an error for writes and a miss for reads.
local mg = require "moongate"

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314" }
local batch = mg.by_command {
    get = mg.rate_limit { servers, rate = 1000, over = "miss" },
    default = mg.rate_limit { servers, rate = 100, burst = 200 },
}

return mg.by_prefix { { ["batch:"] = batch }, default = servers }
