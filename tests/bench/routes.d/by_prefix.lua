--- A hundred prefixes. wanted: 0.9
local mg = require "moongate"

local all = mg.pool { "127.0.0.1:11401", "127.0.0.1:11402" }

local prefixes = { ["user:"] = all, ["item:"] = all }
for i = 1, 98 do prefixes[("%s:%d:"):format(i % 2 == 0 and "user" or "item", i)] = mg.error "another prefix" end

return mg.by_prefix { prefixes, default = mg.error "no prefix" }
