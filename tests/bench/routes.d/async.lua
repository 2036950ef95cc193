--- A function that waits for one call, and looks at what came. wanted: 1.30
local mg = require "moongate"

local first = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }

return mg.async(function(req)
    local res = mg.call(first, req)
    if res:is_error() then return mg.reply.miss() end
    return res
end)
