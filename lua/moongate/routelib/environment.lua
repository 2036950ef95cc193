--- environment: runs a configuration with routelib's functions among its globals, and collects what it says.
--
-- A configuration may define globals of its own, as in memcached's proxy, and use what scripts have of Lua. What
-- routelib offers for routes of one's own, and `mcp` itself, has no meaning here: using it is an error that says what
-- to write.
local children = require "moongate.routelib.children"
local handlers = require "moongate.routelib.handlers"
local mcp = require "moongate.routelib.mcp"
local reading = require "moongate.reading"
local sandbox = require "moongate.sandbox"

local M = {}

local getenv, getinfo, loadstring = os.getenv, debug.getinfo, loadstring

local OWN = "a route of your own is a function in a moongate script: convert the file without it, and write the "
    .. "function there (see lua/README.md)"

local function want_table(from, name, value)
    if type(value) ~= "table" then
        from:fail(from:here(), "%s takes a table, not %s", name, value == nil and "nothing" or "a " .. type(value))
    end
end

local function print_if(said, name)
    return function(...)
        if said[name] then said.print(...) end
    end
end

-- As xpcall, but the handler is called when f has ended. While an error is on its way out of the hook that interrupts
-- the configuration, Lua calls no hook: nothing would stop a handler without an end.
local function late_xpcall(f, handler, ...)
    local function finish(good, ...)
        if good then return true, ... end
        return false, select(2, pcall(handler, ...))
    end
    return finish(pcall(f, ...))
end

-- Of one zone name, wherever it comes from.
local function set_zone(said, from, zone)
    if type(zone) ~= "string" then from:fail(from:here(), "local_zone takes a string, not a %s", type(zone)) end
    said.zone = zone
end

local function zone_functions(env, said, from)
    function env.local_zone(zone)
        if zone == nil then return said.zone end
        set_zone(said, from, zone)
    end
    function env.local_zone_from_env(name)
        local zone = type(name) == "string" and getenv(name)
        if not zone then
            from:fail(from:here(), "local_zone_from_env: the environment has no variable %s: set it where moongate "
                .. "starts, or write local_zone \"NAME\"", tostring(name))
        end
        set_zone(said, from, zone)
    end
    function env.local_zone_from_file(name)
        if type(name) ~= "string" then
            from:fail(from:here(), "local_zone_from_file takes a path, not a %s", type(name))
        end
        local text, wrong = reading.read(name)
        local zone = text and text:match "^[^\n]*"
        if not zone or zone == "" then
            from:fail(from:here(), "local_zone_from_file: %s", wrong or name .. " has no first line")
        end
        set_zone(said, from, zone)
    end
end

local function config_functions(env, said, from)
    function env.settings(value)
        want_table(from, "settings", value)
        said.settings, said.settings_line = value, from:here()
    end
    function env.pools(value)
        want_table(from, "pools", value)
        for name, conf in pairs(value) do said.pools[name] = { conf = conf, line = from:here() } end
    end
    function env.routes(value)
        want_table(from, "routes", value)
        local tag = value.tag
        if tag ~= nil and (type(tag) ~= "string" or tag == "") then
            from:fail(from:here(), "routes: 'tag' takes a string: the name that --bind gives a listener")
        end
        said.routes[tag or false] = { conf = value, line = from:here() }
    end
    function env.cmdmap(value)
        want_table(from, "cmdmap", value)
        return setmetatable({ map = value, line = from:here() }, children.Commands)
    end
    for name in pairs(handlers.known) do
        env["route_" .. name] = function(value)
            want_table(from, "route_" .. name, value)
            return setmetatable({ name = name, args = value, line = from:here() }, children.Route)
        end
    end
end

local function talk_functions(env, said)
    env.say, env.dsay = print_if(said, "verbose"), print_if(said, "debug")
    function env.verbose(value) said.verbose = value end
    function env.debug(value) said.debug = value end
    function env.verbosity(value)
        said.verbose, said.debug = type(value) == "table" and value.verbose, type(value) == "table" and value.debug
    end
end

-- Globals that are not there are nil, as in Lua; but for those that a configuration can only mean in another place.
local function set_metatable(env, from)
    local strict = debug.getmetatable(env)
    local function index(_, name)
        if type(name) == "string" and name:find "^route_" then
            from:fail(from:here(), "there is no %s: there are route_%s; %s", name,
                table.concat(handlers.names(), ", route_"), OWN)
        end
        if name == "register_route_handlers" then from:fail(from:here(), "register_route_handlers: %s", OWN) end
        if rawget(_G, name) ~= nil then return strict.__index(env, name) end
    end
    local function newindex(_, name, value)
        if type(name) == "string" and name:find "^route_.*_%l+$" then from:fail(from:here(), "%s: %s", name, OWN) end
        if name == "mcp_config_pools" or name == "mcp_config_routes" then
            from:fail(from:here(), "this is a program for memcached's proxy itself: %s", mcp.ADVICE)
        end
        rawset(env, name, value)
    end
    debug.setmetatable(env, { __metatable = "globals", __index = index, __newindex = newindex })
end

-- A message of Lua's own about the file says the place in another form when the path is long. A place in another file,
-- or in a text that was loaded, stays as it is.
local function with_place(from, message)
    message = message:sub(1, 4096) -- of which the first bytes are shown
    local short = getinfo(loadstring("", "@" .. from.path), "S").short_src
    if message:sub(1, #short + 1) ~= short .. ":" then return message end
    return from.path .. message:sub(#short + 1)
end

--- Runs the configuration. Raises a message with file and line.
-- @return table  what it says: settings, pools and routes with the lines of their calls, zone
function M.run(from)
    local said = { pools = {}, routes = {} }
    local env = sandbox.globals(from.path:match "^.*/" or "./", reading.say, {}, false)
    set_metatable(env, from)
    said.print = env.print
    env.xpcall = late_xpcall
    env.mcp = mcp.table_for(from)
    config_functions(env, said, from)
    zone_functions(env, said, from)
    talk_functions(env, said)
    local chunk, wrong = sandbox.load_text(from.text, from.path, env)
    if not chunk then error(with_place(from, wrong), 0) end
    local good, raised = pcall(chunk)
    if not good then error(with_place(from, sandbox.text(raised)), 0) end
    return said
end

return M
