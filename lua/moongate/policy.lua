--- policy: what the policies of moongate/routes share: they check their options, and make routes of routes.
local abi = require "moongate.abi"
local metrics = require "moongate.metrics"
local options = require "moongate.options"
local reply = require "moongate.reply"
local routes = require "moongate.routes"
local where = require "moongate.where"

local C = abi.C

local M = {}

M.number, M.count, M.flag, M.seconds = options.number, options.count, options.flag, options.seconds

--- A share of requests or keys: 0 to 1.
M.share = options.number(0, 1, "a share")

--- Seconds that a key lives, up to 30 days: memcached takes a larger number for a date.
M.ttl = options.count(0, 60 * 60 * 24 * 30)

--- A counter of mg.counter.
function M.counter(value)
    if metrics.is_counter(value) then return value end
    return nil, "takes a counter, as mg.counter gives it, not a " .. type(value)
end

--- The same route, which counts how often it is asked.
function M.counted(route, counter)
    return routes.named(function()
        counter:add()
        return route
    end, routes.name(route))
end

--- Reads one of the names in a table; gives its value there.
function M.one_of(names)
    return function(value)
        if names[value] ~= nil then return names[value] end
        return nil, ("takes one of %s, not %s"):format(options.names(names), tostring(value))
    end
end

--- A string of `least` to `most` bytes that may stand in a key.
M.bytes = options.key_bytes

--- A route of any kind: the value itself.
function M.child(value)
    if routes.is_route(value) then return value end
    return nil, "takes a route, not " .. (value == nil and "nothing" or "a " .. type(value))
end

--- What requests over a limit get: "error" (with that text), "miss", or another route.
function M.over(text)
    return function(value)
        if value == "error" then return reply.error(text) end
        if value == "miss" then return reply.miss() end
        if routes.is_route(value) then return value end
        return nil, ("takes \"error\", \"miss\" or a route, not %s"):format(tostring(value))
    end
end

local function weights(value, may_be_zero)
    local wrong = options.wrong_list(value)
    if wrong then return nil, wrong end
    for _, weight in ipairs(value) do
        local is_number = type(weight) == "number" and weight >= 0 and weight <= 1e6
        if not is_number or weight == 0 and not may_be_zero then
            return nil, ("takes numbers above 0 up to 1e6, not %s"):format(tostring(weight))
        end
    end
    return value
end

--- A list of weights. M.check_list checks that there is one for each child.
function M.weights(value) return weights(value, false) end

--- The same; a weight may be 0, which has a meaning in some distributions: the others refuse it.
function M.weights_or_zero(value) return weights(value, true) end

--- A list: of the one value given, or the list given; or nil and what is wrong.
function M.one_or_list(value)
    if type(value) ~= "table" then return { value } end
    local wrong = options.wrong_list(value)
    return not wrong and value or nil, wrong
end

--- A list of strings of `least` to `most` bytes that may stand in a key.
function M.list_of_bytes(value, least, most)
    local wrong = options.wrong_list(value)
    if wrong then return nil, wrong end
    for _, item in ipairs(value) do
        local _, why = options.key_bytes(least, most)(item)
        if why then return nil, why end
    end
    return value
end

--- A string that may be a key, or a list of them.
function M.strings(value)
    local list, wrong = M.list_of_bytes(type(value) == "table" and value or { value }, 1, 250)
    if wrong then return nil, wrong end
    if #list == 0 then return nil, "takes a list of strings" end
    return list
end

--- An identity of clients: "user:NAME", "cert:NAME", or a name of either kind.
function M.identity(value)
    if type(value) ~= "string" then return nil, "takes a name of clients, not a " .. type(value) end
    local name = value:match "^user:(.*)$" or value:match "^cert:(.*)$" or value
    if name == "" then return nil, ("'%s' names nobody"):format(value) end
    if #value > 250 + 5 then return nil, "is longer than any name of clients: 250 bytes" end
    if value:find "%z" then return nil, "has a zero byte" end
    return value
end

--- A name, or a list of them, as a table whose values are 1.
function M.identities(value)
    local list, wrong = M.one_or_list(value)
    if wrong then return nil, wrong end
    if #list == 0 then return nil, "names nobody" end
    local names = {}
    for _, name in ipairs(list) do
        local _, why = M.identity(name)
        if why then return nil, why end
        names[name] = 1
    end
    return names
end

--- What names stand for: identities, with the values of the names. A name without a kind is of both kinds, where no
-- other says it whole.
function M.whole_identities(names)
    local whole = {}
    for name, value in pairs(names) do
        if name:find "^user:" or name:find "^cert:" then whole[name] = value end
    end
    for name, value in pairs(names) do
        if not name:find "^user:" and not name:find "^cert:" then
            for _, identity in ipairs { "user:" .. name, "cert:" .. name } do
                if whole[identity] == nil then whole[identity] = value end
            end
        end
    end
    return whole
end

-- The bits of all errors where another server may do better.
M.errors = C.mg_result_bits("error", 5)

local function result_names()
    local names = {}
    while true do
        local name = abi.text(C.mg_result_name(#names))
        if not name then return table.concat(names, ", ") end
        names[#names + 1] = name
    end
end

--- Results, given as a name or a list of names; as bits.
function M.results(value)
    local bits, list, wrong = 0, M.one_or_list(value)
    if wrong then return nil, wrong end
    for _, name in ipairs(list) do
        local more = type(name) == "string" and C.mg_result_bits(name, #name) or 0
        if more == 0 then return nil, ("takes some of %s; there is no '%s'"):format(result_names(), tostring(name)) end
        bits = bit.bor(bits, more)
    end
    if bits == 0 then return nil, "names no kind of result; there are: " .. result_names() end
    return bits
end

--- For policies whose last item may be a number: `{ route, 60 }` means `{ route, ttl = 60 }`.
-- @param option string  the option that this item stands for
function M.tail(spec, option)
    local last = type(spec) == "table" and spec[#spec]
    if type(last) ~= "number" or spec[option] ~= nil then return spec end
    local to = {}
    for key, value in pairs(spec) do to[key] = value end
    to[#spec], to[option] = nil, last
    return to
end

--- Raises an error when the script did not give that option.
function M.want(name, read, option)
    if read[option] == nil then where.fail(("%s wants the option '%s'"):format(name, option)) end
end

--- Raises an error unless a list has one item for each child.
function M.check_list(name, option, list, children)
    if list and #list ~= #children then
        where.fail(("%s option '%s' has %d items for %d routes"):format(name, option, #list, #children))
    end
end

--- Raises an error about a policy.
function M.fail(name, message)
    where.fail(name .. " " .. message)
end

-- Advice for `{ route, "60s" }`, where { route, 60 } was meant.
local function quoted_number(last)
    if type(last) ~= "string" or not last:find "^%d" then return "" end
    return (": '%s' is a string; a number has no quotes and no unit"):format(last)
end

-- A list of routes, such as mg.each gives.
local function is_list_of_routes(value)
    if type(value) ~= "table" or routes.is_route(value) or options.wrong_list(value) then return false end
    for _, item in ipairs(value) do
        if not routes.is_route(item) then return false end
    end
    return #value > 0
end

-- The items of a list, with those of lists of routes in their place.
local function items(spec)
    local list = {}
    for _, item in ipairs(spec) do
        for _, one in ipairs(is_list_of_routes(item) and item or { item }) do list[#list + 1] = one end
    end
    return list
end

--- Checks the arguments of a policy. Raises an error with the script's line.
-- @param name string    "mg.failover"
-- @param spec table     children and options
-- @param readers table  of the options, by name
-- @param least number   the least number of children; @param most number  the most
-- @return table, table  the children, and the options as the readers return them
function M.read(name, spec, readers, least, most)
    routes.check_loading(name)
    if type(spec) ~= "table" or routes.is_route(spec) then
        where.fail(name .. " takes a table of routes and options")
    end
    if options.is_module(spec) then
        where.fail(("%s is called with a dot, not a colon: %s { ... }"):format(name, name))
    end
    if options.has_gap(spec) then where.fail(name .. " has a gap in its list of routes") end
    local list = items(spec)
    if #list < least or #list > most then
        local count = least == most and least or ("%d to %d"):format(least, most)
        where.fail(("%s takes %s routes, not %d%s"):format(name, count, #list, quoted_number(list[#list])))
    end
    local children, read = {}, {}
    for i, child in ipairs(list) do
        local route, wrong = M.child(child)
        if wrong then where.fail(("%s: item %d %s"):format(name, i, wrong)) end
        children[i] = route
    end
    local wrong = options.read(spec, readers, function(option, value) read[option] = value end)
    if wrong then where.fail(name .. " " .. wrong) end
    return children, read
end

local SHOWN = 8 -- children in a name

-- Leaves out the children of children, so that names stay readable however deep a route is.
local function names_of(children)
    local names = {}
    for i = 1, math.min(#children, SHOWN) do
        local name = routes.name(children[i])
        names[i] = name:match "^[%w_]+%f[(]" or name
    end
    if #children > SHOWN then names[SHOWN] = ("%d more"):format(#children - SHOWN + 1) end
    return table.concat(names, ", ")
end

--- A route that C runs.
-- @param name string     "failover"
-- @param kind number     enum route_kind
-- @param children table  routes
-- @param fields table    of struct route_options
-- @param words table     as for routes.add, or nil
-- @param shown table     the children that its name shows; nil: all
function M.route(name, kind, children, fields, words, shown)
    local numbers = {}
    for i, child in ipairs(children) do numbers[i] = routes.number_of(child) end
    local text = ("%s(%s)"):format(name, names_of(shown or children))
    return routes.value(routes.add(kind, numbers, fields, text, words), text)
end

--- Two routes: `placed` for requests that belong to one place, `route` for all others. `shown` as for M.route.
function M.by_place(name, route, placed, shown)
    return M.route(name, C.ROUTE_PLACE, { route, placed }, {}, nil, shown)
end

--- A route for requests that belong to another place: it compares no cas (the client gets an error with that text),
-- and the cas that it shows is one that no server has.
function M.elsewhere(name, route, text)
    return M.route(name, C.ROUTE_FAILOVER, { reply.error(text), route },
        { on = C.mg_result_bits("denied", 6), tries = 2, share = 1 }, nil, { route })
end

--- The route for requests over a limit. Requests that belong to the first place get there through M.elsewhere.
function M.spare(name, route, text)
    if reply.meaning(route) ~= nil then return route end
    return M.by_place(name, route, M.elsewhere(name, route, text), { route })
end

--- A route made of a Lua function that may wait.
-- @param f function  of a request; returns a response, a route or a reply
-- @param sample table  as for routes.waiting_value, or nil
function M.waiting(name, children, f, sample)
    return routes.waiting_value(f, ("%s(%s)"):format(name, names_of(children)), sample)
end

--- A route made of a Lua function that runs for each request. It must not allocate memory.
-- @param name string
-- @param children table  routes, for its name
-- @param f function      of a request; returns a route
function M.chooser(name, children, f)
    return routes.named(f, ("%s(%s)"):format(name, names_of(children)))
end

return M
