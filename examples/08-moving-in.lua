-- 08: moving in. The servers of a nutcracker, listed and hashed as in its configuration: every key is found where it
-- lies, and applications only change the port. lua/README.md has the names for other proxies and for client libraries.
local mg = require "moongate"

return mg.pool {
    "127.0.0.1:11311:1 cache1", -- host:port:weight name, as there
    "127.0.0.1:11312:1 cache2",
    "127.0.0.1:11313:2 cache3",
    like = "twemproxy",
    hash = "murmur",
    hash_tag = "{}",
}
