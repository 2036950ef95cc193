-- 22: servers on trial. They get every read and write that the live ones get, and what they lack is put there when it
-- is read: so they fill up and bear the whole load, while no client waits for them or sees their answers. (A tenth
-- of the load: example 09. To move over: example 11.)
local mg = require "moongate"

local live = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "live" }
local trial = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "trial", timeout = 0.1 }

return mg.staging { live, trial } -- with exptime = 600: what reads put there lives for 600 s, not as long as in live
