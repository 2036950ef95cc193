--- A function with a prefix check. wanted: 1.05
local mg = require "moongate"

local first = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }
local second = mg.pool { "127.0.0.1:11403", "127.0.0.1:11404" }

return function(req)
    if req:has_prefix "nosuch:" then return second end
    return first
end
