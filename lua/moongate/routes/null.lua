--- null: every request gets a miss: END, NOT_STORED, NOT_FOUND, EN ...
--
--     mg.null()
local reply = require "moongate.reply"

return function()
    return reply.miss()
end
