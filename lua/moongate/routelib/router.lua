--- router: routes{}: by the key's beginning, by command, or neither.
--
-- A key goes to the route that `map` has for what stands before `stop` in it. Else its command decides, by `cmap`; else
-- `default`.
local bycommand = require "moongate.routelib.bycommand"
local text = require "moongate.routelib.text"

local M = {}

local NONE = "mg.error \"no route for this key\""

local known = { map = true, cmap = true, default = true, conf = true, tag = true }

-- What one routes{} is written with: from, book, zone; line: of its call; indent; statements: text so far.
local Env = {}
Env.__index = Env

-- A node that is used more than once: it becomes a statement, unless it is a name already.
function Env:keep(name, node)
    if type(node) == "string" then return node end
    if #self.statements == 0 then self.statements[1] = self.indent .. "local routes = {}\n" end
    local kept = text.field("routes", name)
    self.statements[#self.statements + 1] = text.render(kept .. " = ", node, self.indent)
    return kept
end

function Env:fail(word, form, ...)
    self.from:fail(self.from:line_of(word, self.line), "routes: " .. form, ...)
end

function Env:note(word, form, ...)
    self.from:note(self.from:line_of(word, self.line), "routes: " .. form, ...)
end

-- A string of conf, up to as many bytes as the proxy takes.
local function conf_string(conf, name, env)
    local value = conf[name]
    if value == nil or type(value) == "string" and #value >= 1 and #value <= 5 then return value end
    env:fail(name, "conf: '%s' takes a string of 1 to 5 bytes", name)
end

-- What separates a key's beginning, and what stands before it.
local function separators(conf, env)
    if conf ~= nil and type(conf) ~= "table" then env:fail("conf", "'conf' takes a table") end
    conf = conf or {}
    local start, stop = conf_string(conf, "start", env), conf_string(conf, "stop", env)
    if conf.mode == nil then
        if start or stop then env:note("conf", "conf: without 'mode' the other options have no effect, as there") end
        return "/"
    end
    if conf.mode == "prefix" then return stop or "/" end
    if conf.mode ~= "anchor" then
        env:fail("mode", "conf: 'mode' takes \"prefix\" or \"anchor\", not %s", tostring(conf.mode))
    end
    if (start == nil) ~= (stop == nil) then
        env:fail("mode", "conf: mode \"anchor\" wants both 'start' and 'stop', or neither")
    end
    return stop or "/", start or "/"
end

local function map_fields(map, rest, env)
    local fields = {}
    for _, key in ipairs(text.sorted(map)) do
        if type(key) ~= "string" or key == "" or key:find "[%z\r\n ]" or #key > 250 then
            env:fail(key, "map: what keys begin with is 1 to 250 bytes without spaces, not %s", tostring(key))
        end
        fields[#fields + 1] = { key, bycommand.entry(map[key], key, rest, env) }
    end
    return fields
end

-- What a key gets that `map` has no route for; nil: nothing.
local function rest_of(conf, env)
    local rest
    if conf.default ~= nil then
        rest = bycommand.node(conf.default, "default", nil, env)
        if conf.cmap or conf.map then rest = env:keep("default", rest) end
    end
    if conf.cmap == nil then return rest end
    if conf.cmap.all ~= nil then env:note("all", "cmap: 'all' has no effect, as there: write it as `default`") end
    local by_command = bycommand.map(conf.cmap, "cmdmap", rest, env)
    return conf.map and env:keep("by command", by_command) or by_command
end

local function check(conf, env)
    for _, key in ipairs(text.sorted(conf)) do
        if not known[key] then env:note(key, "there is no '%s': it has no effect", tostring(key)) end
    end
    for _, key in ipairs { "map", "cmap" } do
        if conf[key] ~= nil and (type(conf[key]) ~= "table" or getmetatable(conf[key]) ~= nil) then
            env:fail(key, "'%s' takes a table of routes", key)
        end
    end
    if conf.map == nil and conf.cmap == nil and conf.default == nil then
        env:fail("routes", "wants map, cmap or default")
    end
end

--- The statements of one routes{}, of which the last begins with `to` and has the route.
-- @param of table       { conf =, line = }
-- @param common table   from, book, zone
function M.write(of, to, indent, common)
    local env = setmetatable({
        from = common.from, book = common.book, zone = common.zone, line = of.line, indent = indent, statements = {},
    }, Env)
    check(of.conf, env)
    local rest = rest_of(of.conf, env)
    local fields = map_fields(of.conf.map or {}, rest, env)
    local node = rest or NONE
    if #fields > 0 then
        local separator, anchor = separators(of.conf.conf, env)
        node = text.call("mg.by_prefix", { text.call("", {}, fields) }, { { "separator", text.quote(separator) },
            { "anchor", anchor and text.quote(anchor) }, { "default", rest } })
    end
    return table.concat(env.statements) .. text.render(to, node, indent)
end

return M
