-- 27: who asks. Clients are users of --auth-file, or have a certificate that was verified. The shop has its pool, the
-- batch job may write 100 times a second, others who are known may read, and nobody else is served.
local mg = require "moongate"

local shop = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312" }
local batch = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314" }
local readers = mg.deny { shop, commands = "update", error = "you may only read" }

return mg.allow {
    shop = shop,                                                 -- user:shop, or cert:shop
    ["user:batch"] = mg.rate_limit { batch, update = 100, by = "identity" },
    otherwise = function(req) return req.identity and readers or mg.reply.error "who are you?" end,
}
