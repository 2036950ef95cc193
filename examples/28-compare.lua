-- 28: compare. On the way to other servers, writes and deletes go to both; clients read the old ones, and for a
-- twentieth of the reads the answer of the new ones is compared with theirs. `moongate ctl compare` shows what differs.
local mg = require "moongate"

local old = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "old" }
local new = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "new" }

local writes = mg.staging { old, new } -- clients get what the old ones answer
local reads = mg.compare { old, new, share = 0.05, name = "move" }

return mg.by_command { get = reads, gets = reads, default = writes }
