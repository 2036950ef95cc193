-- A script with tests: 21-tested_test.lua, beside it, says what it does when servers fail. Run them with
--     moongate test examples
local mg = require "moongate"

local users = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "users", timeout = 0.2 }
local gutter = mg.pool { "127.0.0.1:11313", name = "gutter" }
local both = mg.failover { users, gutter }

return function(req)
    if req.command == "set" and req.exptime == 0 then req.exptime = 3600 end
    return both
end
