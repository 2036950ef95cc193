--- A function that may wait and ends with one call. wanted: 1.30
local mg = require "moongate"

local first = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }

return mg.async(function(req)
    return mg.call(first, req)
end)
