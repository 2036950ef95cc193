-- 32: copies of hot keys. What each machine asks for most is answered from its own memory: 4 MiB that all its workers
-- share. A write through this machine is seen by all its clients at once, one through another machine within 500 ms.
local mg = require "moongate"

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314" }

return mg.near { mg.store { size = "4m", name = "hot" }, servers, ttl = 0.5, only = "hot" }
