--- routelib: reads a configuration of memcached's proxy that is written for routelib, and writes a moongate script.
--
--     local script = require "moongate.routelib".convert("/etc/routes.lua", text)
--
-- src/script/routelib.c calls it, in a Lua state of its own. The configuration is a user's program: it runs in the
-- sandbox of scripts, with routelib's functions among its globals (routelib/environment.lua). What it says of pools and
-- routes is then checked and written as text: settings.lua and pools.lua write the pools, roots.lua, router.lua and
-- handlers.lua the routes.
--
-- Facts: github.com/memcached/memcached-proxylibs at e3c024f, lib/routelib (routelib.lua and README.md), and
-- github.com/memcached/memcached at 2d51e36 for the proxy below it. README.md in the folder routelib says what differs.
local reading = require "moongate.reading"

-- Every file comes from where the reader's caller says, also those that sandbox.lua requires.
package.loaded["moongate.files"] = { read = reading.read }

local environment = require "moongate.routelib.environment"
local pools = require "moongate.routelib.pools"
local roots = require "moongate.routelib.roots"
local settings = require "moongate.routelib.settings"
local source = require "moongate.routelib.source"

local M = {}

local HEAD = [[
-- Made by `moongate convert` of %s, a configuration of memcached's proxy for routelib.
local mg = require "moongate"

]]

-- The name that the head shows: what a comment can hold.
local function shown(path)
    return (path:match "[^/]*$":gsub("%c", "?"))
end

--- Reads the configuration.
-- @param path string  its file, which errors and notes name
-- @param text string  the text of that file
-- @return string  the text of a script. Raises a message with file and line where the configuration is refused
function M.convert(path, text)
    local from = source.open(path, text, reading.note)
    local said = environment.run(from)
    local common = settings.read(said, from)
    local book = pools.read(said, common, from)
    local routes = roots.write(said, book, from, common.active_limit)
    local parts = { HEAD:format(shown(path)), settings.write(common), pools.write(book), routes }
    return table.concat(parts)
end

return M
