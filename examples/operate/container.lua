-- The script of the image, until another one is mounted in its place: all servers behind one name.
-- MEMCACHED in the environment is that name and a port: `docker run -e MEMCACHED=cache:11211 moongate`.
local mg = require "moongate"

return mg.pool { discover = "dns://" .. (mg.env "MEMCACHED" or "memcached:11211"), name = "memcached" }
