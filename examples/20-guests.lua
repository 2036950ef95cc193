-- 20: guests. Others may use this cache, within limits: these commands and keys are refused, and so are large values,
-- flush_all, and what goes beyond 100 requests in flight in each worker, before other clients get slower.
local mg = require "moongate"

mg.options { max_value = "64k", allow_flush = "no", max_conns = 200 }

local servers = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312" }

return mg.deny {
    mg.outstanding_limit { servers, 100 },
    commands = { "append", "prepend", "arithmetic" },
    prefixes = { "session:", "internal:" },
    error = "not for guests",
}
