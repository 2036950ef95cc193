-- 06: pools by prefix, without a function. The longest prefix that fits counts, so exceptions need no order.
local mg = require "moongate"

local users = mg.pool { "127.0.0.1:11311", name = "users" }
local vips = mg.pool { "127.0.0.1:11312", name = "vips" }
local pages = mg.pool { "127.0.0.1:11313", name = "pages" }
local rest = mg.pool { "127.0.0.1:11314", name = "rest" }

return mg.by_prefix {
    {
        ["user:"] = users,
        ["user:vip:"] = vips,
        ["page:"] = pages,
        ["debug:"] = mg.null(), -- always a miss; nothing is stored
    },
    default = rest,
}
