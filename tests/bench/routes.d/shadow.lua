--- One request of twenty goes to a second pool, too. wanted: 1.1
local mg = require "moongate"

local first = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }
local second = mg.pool { "127.0.0.1:11403", "127.0.0.1:11404" }

return mg.shadow { first, to = second, share = 0.05 }
