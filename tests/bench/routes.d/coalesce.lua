--- Equal gets in flight share a call; few are equal here. wanted: 1.15
local mg = require "moongate"

local first = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }

return mg.coalesce { first }
