--- A near cache before a far one; gets find nearly all keys in the near one. wanted: 1.2
-- load: -c 20 -d 32 -m 0 -p user:,item:
local mg = require "moongate"

local near = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }
local far = mg.pool { "127.0.0.1:11403", "127.0.0.1:11404" }

return mg.l1_l2 { near, far, exptime = 3600 }
