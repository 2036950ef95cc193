-- 12: hot keys. Those that begin with "front:" have three copies on different servers. While one of them has more than
-- 2 % of the requests, each worker reads its own copy. For all other gets, those of one key that are in flight at the
-- same time share one call.
local mg = require "moongate"

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314" }
local copies = mg.key_split { servers, replicas = 3, all_sync = true, first_hit = true }
local once = mg.coalesce { servers }

local function read(req)
    return req:heat() > 0.02 and copies or once
end

return mg.by_prefix {
    { ["front:"] = mg.by_command { get = read, default = copies } },
    default = once,
}
