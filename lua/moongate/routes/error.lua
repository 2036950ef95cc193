--- error: `SERVER_ERROR text` for every request.
--
--     mg.error "closed for today"
local reply = require "moongate.reply"

--- @param text string
return function(text)
    return reply.error(text)
end
