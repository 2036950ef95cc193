-- 02: two pools by prefix. The function is asked for every key, also for each key of a multi-key get.
local mg = require "moongate"

local users = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "users" }
local pages = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "pages", timeout = 0.2, on_failure = "miss" }

return function(req)
    if req:has_prefix "user:" then return users end
    return pages
end
