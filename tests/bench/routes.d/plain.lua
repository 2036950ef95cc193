--- The plain pool that the others are measured by.
local mg = require "moongate"

return mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }
