--- children: what a route of a configuration names as its children, as nodes: pools, sets of pools, and routes.
local text = require "moongate.routelib.text"

local M = {}

--- What route_x { ... } and cmdmap { ... } return.
M.Route, M.Commands = {}, {}

local DEEPEST = 40

local function is_route(value)
    return type(value) == "table" and getmetatable(value) == M.Route
end

-- The pools of a set, as a list of nodes with their names in `keys`; nil when there is no such set.
local function set_of(name, ctx)
    local set = type(name) == "string" and ctx.book.sets[name]
    if not set then return nil end
    local list = { keys = {} }
    for i, key in ipairs(text.sorted(set)) do
        list[i], list.keys[i] = set[key].where, key
    end
    return list
end

-- A set, "set_NAME", or one pool of it: "set_NAME_ZONE".
local function pool_of_set(name, ctx)
    for set, pools in pairs(ctx.book.sets) do
        local key = name:sub(1, #set + 1) == set .. "_" and name:sub(#set + 2)
        local pool = key and (pools[key] or pools[tonumber(key)])
        if pool then return pool end
    end
end

local function named(name, ctx, what)
    if name == "internal" then
        ctx:fail(name, "the pool \"internal\" is the proxy's own memory, and moongate keeps no items: name a pool of a "
            .. "memcached beside it")
    end
    if ctx.book.sets[name] then
        ctx:fail(name, "'%s' takes one pool, and \"%s\" is a set of them", what, name)
    end
    local pool = ctx.book.pools[name] or pool_of_set(name, ctx)
    if not pool then ctx:fail(name, "there is no pool or set called \"%s\"", name) end
    return pool.where
end

-- Made by M.open, which knows the handlers.
local make_route

--- One child: the name of a pool, or a route.
function M.one(value, ctx, what)
    if is_route(value) then return make_route(value, ctx) end
    if type(value) == "string" then return named(value, ctx, what) end
    return ctx:fail(what, "'%s' takes the name of a pool, or a route, not %s", what,
        value == nil and "nothing" or "a " .. type(value))
end

-- A copy of a route with another child in place of child_wrap.
local function with_child(route, child)
    local args = {}
    for key, value in pairs(route.args) do args[key] = value end
    args.child, args.child_wrap = child, nil
    return setmetatable({ name = route.name, args = args, line = route.line }, M.Route)
end

-- What child_wrap stands for: the same route once for each pool of a set, or for each route of a list.
local function wrapped(route, ctx, deep)
    local inner = route.args.child_wrap
    if deep > DEEPEST then ctx:fail("child_wrap", "child_wrap in child_wrap without end") end
    local to = {}
    if is_route(inner) and inner.args.child_wrap ~= nil then
        for key, child in pairs(wrapped(inner, ctx, deep + 1)) do to[key] = with_child(route, child) end
    elseif type(inner) == "string" and ctx.book.sets[inner] then
        for key in pairs(ctx.book.sets[inner]) do to[key] = with_child(route, inner .. "_" .. key) end
    elseif type(inner) == "table" and not is_route(inner) then
        for key, child in pairs(inner) do to[key] = with_child(route, child) end
    else
        ctx:fail("child_wrap", "'child_wrap' takes a set of pools or a list of children")
    end
    return to
end

local function check_count(list, ctx, what, most)
    if #list == 0 then ctx:fail(what, "'%s' has no child", what) end
    if #list > most then ctx:fail(what, "'%s' has %d children; moongate takes up to %d", what, #list, most) end
    return list
end

--- A list of children: a set of pools, a table of children, or a route with child_wrap. Its `keys` has their names, or
-- numbers.
function M.list(value, ctx, what, most)
    local list = set_of(value, ctx)
    if list then return check_count(list, ctx, what, most) end
    if is_route(value) then
        if value.args.child_wrap == nil then
            ctx:fail(what, "'%s' takes a list of children, not one route: write { route_%s { ... } }", what, value.name)
        end
        value = wrapped(value, ctx, 0)
    elseif type(value) ~= "table" or getmetatable(value) == M.Commands then
        ctx:fail(what, "'%s' takes a list of children or the name of a set, not %s", what,
            type(value) == "string" and ("\"%s\""):format(value) or value == nil and "nothing" or "a " .. type(value))
    end
    list = { keys = {} }
    for i, key in ipairs(text.sorted(value)) do
        if type(key) ~= "string" and type(key) ~= "number" then
            ctx:fail(what, "'%s': a child has a name or a number, not %s", what, tostring(key))
        end
        list[i], list.keys[i] = M.one(value[key], ctx, what), key
    end
    return check_count(list, ctx, what, most)
end

--- The node of a route.
function make_route(route, ctx)
    if ctx.depth > DEEPEST then ctx:fail("child", "routes in routes without end") end
    local handler = ctx.handlers[route.name]
    if not handler or type(route.args) ~= "table" then ctx:fail("route", "a route's name or arguments were changed") end
    local of = ctx:with { depth = ctx.depth + 1, line = route.line, what = "route_" .. route.name }
    if route.args.child_wrap ~= nil then
        of:fail("child_wrap", "'child_wrap' makes a list of routes: write it as the `children` of another")
    end
    return handler(route.args, of)
end

M.make_route = make_route

return M
