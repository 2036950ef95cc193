--- The route that `make bench` measures: a prefix test on every request, then a hash over the chosen pool.
-- tests/bench/run writes the real ports of its four servers in place of these.
local mg = require "moongate"

local users = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }
local others = mg.pool { "127.0.0.1:11403", "127.0.0.1:11404" }

return function(req)
    if req:has_prefix "user:" then return users end
    return others
end
