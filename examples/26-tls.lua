-- 26: TLS to servers beyond the own network, which must prove who they are. Those that are near are spoken to plainly.
local mg = require "moongate"

local near = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "near" }
local far = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "far", tls = true }

return mg.by_prefix { { ["session:"] = far }, default = near }
