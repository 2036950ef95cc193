--- Deletes would be kept while a server is down; the requests here are gets and sets. wanted: 1.05
local mg = require "moongate"

local first = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }

return mg.spool_deletes { first, dir = "/tmp/moongate-bench-spool" }
