-- 01: one pool. Every key goes to one of four servers, always the same one.
-- `make run` starts these servers and moongate with this script.
local mg = require "moongate"

return mg.pool {
    "127.0.0.1:11311",
    "127.0.0.1:11312",
    "127.0.0.1:11313",
    "127.0.0.1:11314",
}
