-- 10: warming up. A new and empty pool is asked first; what it does not have comes from the old one, and is put into
-- the new one on the way. Writes go to the new one alone. Once it hits often enough, return `new`.
local mg = require "moongate"

local old = mg.pool { "127.0.0.1:11311", "127.0.0.1:11312", name = "old" }
local new = mg.pool { "127.0.0.1:11313", "127.0.0.1:11314", name = "new" }

return mg.warm_up { new, old } -- with exptime = 600: what is put there lives for 600 s, not as long as in the old one
