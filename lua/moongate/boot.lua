--- boot: what C calls: loads a script once, then routes the turn's requests with it.
local abi = require "moongate.abi"
local where = require "moongate.where"

local M = {}

local DEEPEST = 16 -- functions that return functions

--- Called first, with what abi.open wants. Returns the functions that C keeps: load, run, traceback.
function M.start(cdef, script, batch)
    abi.open(cdef, script, batch)
    require "moongate.request"
    local sandbox = require "moongate.sandbox"
    return M.load, M.run, sandbox.traceback
end

local async, routes, numbers, functions, waiting, meaning, value_of, slots, answers
local root

local function log(text)
    abi.C.mg_log(abi.script, text, #text)
end

-- "nothing" or "a number", and where the function that gave it stands.
local function describe(value, from)
    local what = value == nil and "nothing" or "a " .. type(value)
    if type(from) ~= "function" then return what end
    return ("%s (the function at %s)"):format(what, where.beginning(from))
end

--- Loads and runs the script; keeps the route that it returns. Raises a message with file and line.
-- @param path string    its file, or nil for the script behind --servers
-- @param text string    what the file holds
-- @return number|nil  the route's number when C runs it without Lua
function M.load(path, text)
    local sandbox = require "moongate.sandbox"
    async = require "moongate.async"
    routes = require "moongate.routes"
    numbers, functions, waiting = routes.numbers, routes.functions, routes.waiting
    meaning, value_of = require "moongate.reply".meaning, require "moongate.reply".value_of
    slots, answers = abi.slots(), abi.batch.answers
    local shown = path or "moongate/servers.lua"
    local chunk, wrong
    if path then
        local env = sandbox.globals(path:match "^.*/" or "./", log)
        chunk, wrong = sandbox.load_text(text, path, env)
        if not chunk then error(wrong, 0) end
    else
        chunk = function() return require "moongate.servers" end
    end
    local good, result = where.follow(chunk)
    if not good then
        error(type(result) == "string" and result or shown .. ": " .. sandbox.text(result), 0)
    end
    root = result
    if type(root) == "function" then where.set_function(root) end
    if not routes.is_route(root) then
        error(("%s: a script returns a route (a pool, a policy or a function), not %s"):format(shown, describe(root)), 0)
    end
    routes.close()
    return numbers[root]
end

-- What a route returned is not one that C runs: a function to ask, a ready answer, a waiting route, or a mistake.
local function decide(at, req, route)
    local from = root
    for _ = 1, DEEPEST do
        local number = numbers[route]
        if number then
            answers[at].route = number
            return
        end
        if waiting[route] then
            async.begin(at, waiting[route])
            return
        end
        local what = route ~= nil and meaning(route)
        if what == true then
            answers[at].route = abi.C.ANSWER_MISS
            return
        elseif what then
            abi.C.mg_refuse(abi.script, at, what, #what)
            return
        end
        local value = value_of(route)
        if value then
            local status = abi.C.mg_answer_value(abi.script, at, value)
            if status < 0 then error(async.call_errors[status], 0) end
            return
        end
        if type(route) ~= "function" then
            error(("a route returned %s, not a route or a reply"):format(describe(route, from)), 0)
        end
        from = route
        route = route(req)
    end
    error("functions return functions without end", 0)
end

--- Routes slots first .. last; with none, goes on with the functions that may. An error leaves batch.at on the slot that
-- raised it.
function M.run(first, last)
    if first > last then
        abi.batch.at = abi.batch.capacity
        return async.go_on()
    end
    local batch, of, asked = abi.batch, numbers, functions
    for at = first, last do
        batch.at = at
        local req = slots[at]
        local id = req.function_id
        local route = id == 0 and root or asked[id]
        if type(route) == "function" then route = route(req) end
        local number = of[route]
        if number then
            answers[at].route = number
        else
            decide(at, req, route)
        end
    end
end

return M
