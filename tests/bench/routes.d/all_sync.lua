--- All of two pools. wanted: 1.45
local mg = require "moongate"

local first = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }
local second = mg.pool { "127.0.0.1:11403", "127.0.0.1:11404" }

return mg.all_sync { first, second }
