--- Failover with a healthy first child. wanted: 1.08
local mg = require "moongate"

local first = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }
local second = mg.pool { "127.0.0.1:11403", "127.0.0.1:11404" }

return mg.failover { first, second }
