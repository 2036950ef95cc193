--- settings: what settings{} says, as mg.defaults, which also has the proxy's own defaults.
local backends = require "moongate.routelib.backends"
local text = require "moongate.routelib.text"

local M = {}

-- The proxy's defaults (proto_proxy.c): seconds, and failures in a row that a server may have.
local CONNECT, RETRY, READ, FAILURES = 5, 3, 3, 3

local own = { active_req_limit = true, active_request_limit = true, pool_options = true, backend_options = true }

-- How many requests may wait in the proxy; nil: any number. It divides that by its threads unless it is small.
local function active_limit(given, at)
    local value = given.active_request_limit or given.active_req_limit
    if value == nil or value == 0 then return nil end
    local limit, wrong = backends.whole(1, 1e9)(value)
    if not limit then
        at.from:fail(at.from:line_of("active_req_limit", at.line), "settings: 'active_req_limit': %s", wrong)
    end
    return limit
end

local function want_table(given, name, at)
    if given[name] == nil then return {} end
    if type(given[name]) ~= "table" then
        at.from:fail(at.from:line_of(name, at.line), "settings: '%s' takes a table", name)
    end
    return given[name]
end

--- Reads settings{}.
-- @return table  options: of mg.defaults; active_limit; pool_options and backend_options as they are given
function M.read(said, from)
    local given = said.settings or {}
    local at = { from = from, line = said.settings_line or 0, what = "settings" }
    local options = { timeout = READ, stall_timeout = READ, connect_timeout = CONNECT, failure_limit = FAILURES + 1,
        probe_min = RETRY, probe_max = RETRY }
    for name, value in pairs(backends.translate(given, backends.of_settings, own, at)) do options[name] = value end
    if options.probe_max < options.probe_min then options.probe_max = options.probe_min end
    return {
        line = at.line,
        options = options,
        active_limit = active_limit(given, at),
        pool_options = want_table(given, "pool_options", at),
        backend_options = want_table(given, "backend_options", at),
    }
end

--- The text of mg.defaults.
function M.write(common)
    local fields = backends.fields(common.options)
    table.insert(fields, 1, { "like", text.quote "memcached-proxy" })
    return text.render("", text.call("mg.defaults", {}, fields)) .. "\n"
end

return M
