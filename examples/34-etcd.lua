-- 34: servers in etcd. Each is a key below the prefix: its name, with its address as the value. The program that
-- starts a server puts its key, and the one that ends it deletes that. All moongates that watch the prefix follow.
--
--   etcdctl put /memcached/users/cache1 127.0.0.1:11311
--   etcdctl put /memcached/users/cache2 127.0.0.1:11312
local mg = require "moongate"

local users = mg.pool { discover = "etcd://127.0.0.1:2379/memcached/users", name = "users" }

-- Until etcd has answered for the first time, and for servers that fail, these serve.
local gutter = mg.pool { "127.0.0.1:11314", name = "gutter", on_failure = "miss" }

return mg.failover { users, mg.cap_ttl { gutter, 30 } }
