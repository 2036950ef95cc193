--- bycommand: cmap and cmdmap: a route for each command, as mg.by_command.
local children = require "moongate.routelib.children"
local context = require "moongate.routelib.context"
local handlers = require "moongate.routelib.handlers"
local mcp = require "moongate.routelib.mcp"
local text = require "moongate.routelib.text"

local M = {}

local NONE = "mg.error \"no route for this command\""

-- For mg.by_command, where a name may be one for several commands: all of those must be named then.
local groups = { get = { "gets", "mg", "me" }, delete = { "md" }, touch = { "gat", "gats" } }

local can_miss = { get = true, gets = true, gat = true, gats = true, mg = true, me = true }

--- The node of one route.
-- @param label string    what the map calls it
-- @param command string  the command that it is for; nil: all
-- @param env table       see router.lua
function M.node(route, label, command, env)
    local ctx = context.context {
        from = env.from, book = env.book, handlers = handlers.known, zone = env.zone,
        label = label, line = env.line, what = "routes",
    }
    if command then ctx.command, ctx.can_miss = command, can_miss[command] or false end
    if type(route) ~= "table" or getmetatable(route) ~= children.Route then
        ctx:fail(label, "'%s' takes a route, as route_direct { child = \"NAME\" } returns one, not %s", label,
            getmetatable(route) == children.Commands and "a cmdmap" or "a " .. type(route))
    end
    return children.make_route(route, ctx)
end

-- The nodes of a map's commands, by their names.
local function nodes_of(map, label, env)
    local nodes = {}
    for _, name in ipairs(text.sorted(map)) do
        local line = env.from:line_of(name, env.line)
        if not mcp.commands[name] then env.from:fail(line, "%s: there is no command '%s'", label, tostring(name)) end
        if name == "mn" then
            env.from:note(line, "%s: mn has no key: moongate answers it itself", label)
        elseif name ~= "all" then
            nodes[name] = M.node(map[name], label, name, env)
        end
    end
    return nodes
end

--- mg.by_command of a table by commands.
-- @param rest node  for all other commands; nil: they get an error
function M.map(map, label, rest, env)
    local nodes = nodes_of(map, label, env)
    local names = text.sorted(nodes)
    if #names == 0 then return rest or NONE end
    local fields, others = {}, false
    for _, name in ipairs(names) do
        for _, also in ipairs(groups[name] or {}) do others = others or not nodes[also] end
    end
    if others then rest = env:keep(label .. " others", rest or NONE) end
    for _, name in ipairs(names) do
        fields[#fields + 1] = { name, nodes[name] }
        for _, also in ipairs(groups[name] or {}) do
            if not nodes[also] then fields[#fields + 1] = { also, rest } end
        end
    end
    if rest ~= NONE then fields[#fields + 1] = { "default", rest } end
    return text.call("mg.by_command", {}, fields)
end

--- The node of an entry of `map`: a route, or a cmdmap. rest: for the commands that a cmdmap does not have; or nil.
function M.entry(value, label, rest, env)
    if type(value) ~= "table" or getmetatable(value) ~= children.Commands then return M.node(value, label, nil, env) end
    local of = setmetatable({ line = value.line }, { __index = env })
    local all = value.map.all ~= nil and M.node(value.map.all, label, nil, of)
    return M.map(value.map, label, all or rest, of)
end

return M
