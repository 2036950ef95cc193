--- roots: all of routes{}: one, or several where listeners have tags; and the functions and counters that they use.
local router = require "moongate.routelib.router"
local text = require "moongate.routelib.text"

local M = {}

local helpers = {
    errors = [[
-- After these results the next route is asked.
local errors = { "error", "client_error" }

]],
    misses = [[
-- Gets can miss. NOT_FOUND of a delete is an answer, no miss.
local misses = { "error", "client_error", "miss" }

]],
    by_miss = [[
-- What gets do, which can miss, and what all other commands do: NOT_FOUND of a delete is an answer.
local function by_miss(gets, others)
    return mg.by_command { get = gets, gat = gets, gats = gets, default = others }
end

]],
    counted = [[
local function counted(counter, route)
    return function()
        counter:add()
        return route
    end
end

]],
    with_ttl = [[
local function with_ttl(route, seconds)
    local set = mg.set_ttl { route, seconds }
    local other = mg.error "invalid command for route_ttl"
    return mg.by_command { set = set, add = set, cas = set, ms = set, default = other }
end

]],
}

local BY_LISTENER = [[

-- By the name that --bind gives a listener.
local function by_listener(req)
    return roots[req.listener] or others
end

]]

-- active_req_limit: in each worker its part of so many requests.
local LIMIT = [[
return mg.outstanding_limit {
    %s,
    math.max(1, math.floor(%d / mg.worker.count)),
    over = mg.error "active request limit reached",
}
]]

local function write_helpers(book)
    local parts = {}
    for _, name in ipairs(text.sorted(book.helpers)) do parts[#parts + 1] = helpers[name] end
    local counters = text.sorted(book.counters)
    if #counters > 0 then parts[#parts + 1] = "-- Shown by `stats script`.\nlocal counters = {}\n" end
    for _, name in ipairs(counters) do
        parts[#parts + 1] = ("%s = mg.counter %s\n"):format(text.field("counters", name), text.quote(name))
    end
    if #counters > 0 then parts[#parts + 1] = "\n" end
    return table.concat(parts)
end

local function write_last(route, active)
    return active and LIMIT:format(route, active) or "return " .. route .. "\n"
end

local function write_one(of, common, active)
    if not active then return router.write(of, "return ", "", common) end
    return router.write(of, "local root = ", "", common) .. "\n" .. write_last("root", active)
end

local function write_tagged(routes, common, active)
    local parts = { "local roots, others = {}, mg.error \"no route for this listener\"\n" }
    for _, tag in ipairs(text.sorted(routes)) do
        local to = tag and text.field("roots", tag) or "others"
        parts[#parts + 1] = ("do -- %s\n"):format(tag and "the listener " .. text.quote(tag) or "all other listeners")
        parts[#parts + 1] = router.write(routes[tag], to .. " = ", "    ", common) .. "end\n"
    end
    return table.concat(parts) .. BY_LISTENER .. write_last("by_listener", active)
end

--- The text of all routes. active: the setting active_req_limit, or nil.
function M.write(said, book, from, active)
    local common = { from = from, book = book, zone = said.zone }
    local routes = said.routes
    if next(routes) == nil then
        from:fail(0, "it has no routes{}: write routes { default = route_direct { child = \"NAME\" } }")
    end
    local is_one = routes[false] and next(routes) == false and next(routes, false) == nil
    local body = is_one and write_one(routes[false], common, active) or write_tagged(routes, common, active)
    return write_helpers(book) .. body
end

return M
