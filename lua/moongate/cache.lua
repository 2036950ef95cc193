--- The script that runs when moongate is started with --store and without a script of its own.
-- To write your own: copy it, put a size such as "64m" in place of mg.store_size, and add rules.
local mg = require "moongate"

-- mg.store_size is what --store gave, in bytes.
return mg.store { size = mg.store_size }
