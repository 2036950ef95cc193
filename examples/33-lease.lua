-- 33: a stampede. When a page that many want has gone, one client gets the miss and renders it. The others wait for
-- that, up to 200 ms, then get the page as it was before, which is kept for a minute. In the last 10 seconds of its
-- time one client renders it again, while the others still get it.
local mg = require "moongate"

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", "127.0.0.1:11313", "127.0.0.1:11314" }

return mg.by_prefix {
    { ["page:"] = mg.lease { servers, ttl = 5, wait = 0.2, stale = 60, refresh = 10 } },
    default = servers,
}
