--- pools: the pools of a configuration, checked, and written as mg.pool.
local backends = require "moongate.routelib.backends"
local mcp = require "moongate.routelib.mcp"
local placing = require "moongate.routelib.placing"
local servers = require "moongate.routelib.servers"
local text = require "moongate.routelib.text"

local M = {}

local MOST_COUNTERS = 256

local known = { backends = true, options = true, backend_options = true }

local function merged(...)
    local to = {}
    for _, of in ipairs { ... } do
        for key, value in pairs(of) do to[key] = value end
    end
    return to
end

local function check_conf(conf, at)
    if type(conf) ~= "table" then at.fail(at.word, "takes a table with backends, not a %s", type(conf)) end
    for _, key in ipairs { "options", "backend_options" } do
        if conf[key] ~= nil and type(conf[key]) ~= "table" then at.fail(key, "'%s' takes a table", key) end
    end
    for _, key in ipairs(text.sorted(conf)) do
        if not known[key] then at.note(key, "'%s' has no effect: %s", tostring(key), backends.why_not(key)) end
    end
    if conf.backends == nil then at.fail(at.word, "has no backends: write backends = { \"host:port\" }") end
end

-- One pool: { name, where = its place in the script's table of pools, servers, fields }.
local function read_pool(conf, common, at)
    check_conf(conf, at)
    local options = merged(common.pool_options, conf.options or {})
    for _, key in ipairs(text.sorted(options)) do
        if not placing.known[key] then at.note(key, "'%s' has no effect: %s", tostring(key), backends.why_not(key)) end
    end
    local given = merged(common.backend_options, conf.backend_options or {})
    local ring = options.dist == mcp.ring and tostring(options.omode) or nil
    local list, backend = servers.read(conf.backends, given, merged(common.options), ring, at)
    return {
        name = at.name, where = at.where, servers = list, options = backend,
        placing = placing.fields(options, at.fail), fields = backends.fields(backend, common.options),
    }
end

-- Where errors about a pool belong.
local function place_of(from, line, name, where)
    local at = { from = from, name = name, where = where, what = "pool " .. name }
    at.word = name
    at.line = from:line_of(tostring(name):match "[^.]*$", line)
    function at.fail(word, form, ...) from:fail(from:line_of(word, at.line), "%s: " .. form, at.what, ...) end
    function at.note(word, form, ...) from:note(from:line_of(word, at.line), "%s: " .. form, at.what, ...) end
    return at
end

local Book = {}
Book.__index = Book

--- The node of a counter.
function Book:counter(name, ctx)
    name = name:gsub("[^%w_.-]", "_"):sub(1, 63)
    if not self.counters[name] then
        self.counters_n = self.counters_n + 1
        if self.counters_n > MOST_COUNTERS then ctx:fail("stats", "more than %d counters", MOST_COUNTERS) end
        self.counters[name] = true
    end
    return text.field("counters", name)
end

local function read_set(set, said, common, from, book)
    if type(said.conf) ~= "table" then from:fail(said.line, "set %s: takes a table of pools", set) end
    local line, of = from:line_of(set, said.line), {}
    for _, key in ipairs(text.sorted(said.conf)) do
        if type(key) ~= "string" and type(key) ~= "number" then
            from:fail(line, "set %s: a pool has a name or a number, not %s", set, tostring(key))
        end
        local where = text.field(text.field("pools", set), key)
        of[key] = read_pool(said.conf[key], common, place_of(from, line, ("%s.%s"):format(set, tostring(key)), where))
    end
    if next(of) == nil then from:fail(line, "set %s: has no pool", set) end
    book.sets[set] = of
end

--- Reads pools{}.
-- @return table  a book: pools and sets by name, counters and helpers that the routes use
function M.read(said, common, from)
    local book = setmetatable({
        pools = {}, sets = {}, counters = {}, counters_n = 0, helpers = {},
    }, Book)
    for _, name in ipairs(text.sorted(said.pools)) do
        local of = said.pools[name]
        if type(name) ~= "string" then
            from:fail(of.line, "pools: a pool has a name: write { NAME = { backends = ... } }")
         end
        if name == "internal" then from:fail(from:line_of(name, of.line), "pool internal: this name is reserved") end
        if name:find "^set_" then
            read_set(name, of, common, from, book)
        else
            book.pools[name] = read_pool(of.conf, common, place_of(from, of.line, name, text.field("pools", name)))
        end
    end
    return book
end

local function write_pool(pool)
    local all = { { "name", text.quote((pool.name:gsub("[^%w_.-]", "_"):sub(1, 63))) } }
    for _, list in ipairs { pool.placing, pool.fields } do
        for _, field in ipairs(list) do all[#all + 1] = field end
    end
    return text.render(pool.where .. " = ", text.call("mg.pool", servers.nodes(pool), all))
end

--- The text of all pools.
function M.write(book)
    local parts = { "local pools = {}\n" }
    for _, name in ipairs(text.sorted(book.pools)) do
        parts[#parts + 1] = write_pool(book.pools[name])
    end
    for _, set in ipairs(text.sorted(book.sets)) do
        parts[#parts + 1] = text.field("pools", set) .. " = {}\n"
        for _, key in ipairs(text.sorted(book.sets[set])) do
            parts[#parts + 1] = write_pool(book.sets[set][key])
        end
    end
    return table.concat(parts) .. "\n"
end

return M
