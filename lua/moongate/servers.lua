--- The script that runs when moongate is started with --servers and without a script of its own.
-- To write your own: copy it, put your servers in place of mg.servers, and add rules.
local mg = require "moongate"

-- mg.servers is the list that --servers gave: { "10.0.0.1:11211", "10.0.0.2:11211" }
return mg.pool(mg.servers)
