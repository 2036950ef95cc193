-- 18: servers that come and go. The file has one a line; whoever writes it (beside, then renamed into its place)
-- changes the pool within two seconds, without a reload. Few keys move. DNS can be asked instead: see lua/README.md.
local mg = require "moongate"

return mg.pool { discover = "file:///etc/moongate/servers", name = "cache" }
