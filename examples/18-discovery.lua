-- 18: servers that come and go. The file has one a line. A program that writes a new one beside it and renames that
-- changes the pool within two seconds, without a reload. Few keys move. DNS or etcd can be asked instead: see
-- lua/README.md.
local mg = require "moongate"

return mg.pool { discover = "file:///etc/moongate/servers", name = "cache" }
