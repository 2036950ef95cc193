-- 29: deletes that are not lost. A server that was cut off, and not restarted, comes back with all that it had: also
-- with what was deleted meanwhile. Here deletes for a server that does not answer are kept on the disk, and replayed
-- before it is read again. Until then its keys are read from the gutter, where they live for ten seconds.
local mg = require "moongate"

local users = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", timeout = 0.2 }
local gutter = mg.pool { "127.0.0.1:11313" }

local safe = mg.spool_deletes { users, dir = "/var/spool/moongate" }

return mg.by_command {
    delete = mg.all_sync { safe, gutter },
    default = mg.failover_with_exptime { safe, gutter, 10 },
}
