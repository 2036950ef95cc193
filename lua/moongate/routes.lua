--- routes: the values that can be used as a route, and their numbers for C.
--
-- A route is a pool, a policy (a value made by a function of moongate/routes), a function of the script, or a reply.
local abi = require "moongate.abi"
local loading = require "moongate.loading"
local readonly = require "moongate.readonly"
local reply = require "moongate.reply"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

-- The numbers of the routes that C runs by itself, by the values that scripts have of them.
local numbers = setmetatable({}, { __mode = "k" })

-- Functions that C may have to call, by number; and the numbers of the C routes for functions and for replies.
local functions = {}
local asked = setmetatable({}, { __mode = "k" })

-- The names of functions that policies made, for messages and `explain`.
local names = setmetatable({}, { __mode = "k" })

--- Raises an error when the script is not being loaded.
function M.check_loading(what)
    if not loading.is_on() then
        where.fail(what .. " can only be called while the script loads: build routes once, outside of functions")
    end
end

--- Raises an error while the script is being loaded.
function M.check_running(what)
    if loading.is_on() then where.fail(what .. " can only be called when requests come, not while the script loads") end
end

--- Adds a route that C runs. The options are fields of C's struct route_options.
-- @param kind number      enum route_kind
-- @param children table   numbers of routes
-- @param options table
-- @param text string
-- @param words table      further arguments of its kind: { text =, number =, burst =, child =, command = } each
-- @return number
function M.add(kind, children, options, text, words)
    local to = abi.route_options()
    for name, value in pairs(options) do to[name] = value end
    words = words or {}
    return C.mg_route_add(script, kind, to, abi.numbers(children), #children, text, abi.words(words), #words)
end

local function number_function(f)
    local id = #functions + 1
    functions[id] = f
    return id
end

local function add_function(f)
    asked[f] = M.add(C.ROUTE_FUNCTION, {}, { function_id = number_function(f) }, M.name(f))
    return asked[f]
end

local function add_reply(value)
    local what = reply.meaning(value)
    asked[value] = what == true and M.add(C.ROUTE_MISS, {}, {}, "miss") or M.add(C.ROUTE_FAIL, {}, {}, what)
    return asked[value]
end

--- True when a value can be used as a route.
function M.is_route(value)
    return type(value) == "function" or numbers[value] ~= nil or reply.meaning(value) ~= nil
end

--- The number under which C runs a route of any kind; nil when the value is no route. Only while the script loads.
function M.number_of(value)
    if value == nil then return nil end
    local number = numbers[value] or asked[value]
    if number then return number end
    if type(value) == "function" then return add_function(value) end
    if reply.meaning(value) ~= nil then return add_reply(value) end
    return nil
end

--- "pool users", "failover", "the function at script.lua:3".
function M.name(value)
    if names[value] then return names[value] end
    if type(value) == "function" then return "the function at " .. where.beginning(value) end
    return tostring(value)
end

--- The same for statistics, whose names have no spaces: "users".
function M.word(value)
    return (M.name(value):gsub("pool ", ""):gsub(", ", ","):gsub("%s", "_"):sub(1, 90))
end

local refuse = readonly.refuse "a route"

--- Makes the value that a script gets for a route that C runs.
-- @param number number  of the route
-- @param name string    for messages
function M.value(number, name)
    local value = setmetatable({}, {
        __metatable = "route", __newindex = refuse, __tostring = function() return name end,
    })
    numbers[value] = number
    return value
end

--- Sets the name of a function that a policy made.
function M.named(f, name)
    names[f] = name
    return f
end

--- Makes the value for a route whose function may wait.
-- @param sample table  for explain: a value that the function treats in a way of its own: { name =, value =, flags = };
--                      or nil
function M.waiting_value(f, name, sample)
    local id = number_function(f)
    if sample then C.mg_sample(script, id, sample.name, sample.value, sample.flags) end
    return M.value(M.add(C.ROUTE_ASYNC, {}, { function_id = id + C.MG_WAITS }, name), name)
end

M.numbers, M.functions = numbers, functions

return M
