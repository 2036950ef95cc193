-- The routing script of the moongate service. `man moongate-script` is its reference, and /usr/share/moongate/examples
-- has a script for each common need. After a change: `moongate -t /etc/moongate/moongate.lua`, then
-- `systemctl reload moongate`. A script that does not load changes nothing.

local mg = require "moongate"

return mg.pool {
    "127.0.0.1:11211", -- your memcached servers, one a line
    name = "main",
}
