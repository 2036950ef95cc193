-- 19: values larger than the servers take (1 MiB, unless they were started with -I). What is above the threshold is
-- stored in parts, spread over all servers; if one is gone, the whole value is a miss.
local mg = require "moongate"

mg.options { max_value = "32m" } -- what moongate takes from a client

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314" }

return mg.big_value { servers, threshold = 512 * 1024 }
