--- async: routes that wait, written straight down: `mg.async(function(req) local res = mg.call(cold, req) ... end)`.
-- Each function runs in a coroutine that C drives (coroutine.c). C finds its state by a handle: a place and a serial
-- number.
local abi = require "moongate.abi"
local built = require "moongate.built"
local kept = require "moongate.kept"
local reply = require "moongate.reply"
local routes = require "moongate.routes"
local sandbox = require "moongate.sandbox"
local where = require "moongate.where"

local C, script, numbers = abi.C, abi.script, routes.numbers
local call_own, wait, running = abi.waiting.call_own, abi.waiting.wait, abi.waiting.current
local list_of_responses = abi.waiting.list

local M = {}

local function current(what)
    local at, serial = running()
    if not at then where.fail(what .. " can only be called in a function that mg.async was given") end
    return at, serial
end

-- Why C refused a call.
M.call_errors = {
    [tonumber(C.MG_CALL_OVER)] = "this request is over: it has been answered already",
    [tonumber(C.MG_CALL_BAD_KEY)] = "a key is 1 to 250 bytes without NUL, space, CR and LF",
    [tonumber(C.MG_CALL_BAD_NUMBER)] = "exptime and flags are whole numbers of 32 bits",
    [tonumber(C.MG_CALL_TOO_LARGE)] = "a value may not be longer than --max-value",
    [tonumber(C.MG_CALL_TOO_MANY)] = "a function makes 4096 calls at most",
    [tonumber(C.MG_CALL_TOO_MUCH)] = "this function holds as many bytes as it may (--client-buffer)",
    [tonumber(C.MG_CALL_NO_MEMORY)] = "not enough memory (--script-memory)",
    [tonumber(C.MG_CALL_TOO_MANY_SPAWNED)] = "65536 requests of mg.spawn wait already",
    [tonumber(C.MG_CALL_NO_VALUE)] = "mg.reply.value answers get, gets, gat, gats and mg only",
}

local function check(status)
    if status < 0 then where.fail(M.call_errors[status]) end
    return status
end

-- Calls a function, and the functions that it returns, until one returns something else: a route or a reply.
local function follow(route, req)
    for _ = 1, 16 do
        if type(route) ~= "function" then return route end
        route = route(req)
    end
    where.fail "functions return functions without end"
end

M.follow = follow

local function described(value)
    return value == nil and "nothing" or "a " .. (abi.waiting.sort(value) or type(value))
end

-- Ends a function that returned something else than the response of one of its calls.
local function finish(result, request, at, serial)
    result = follow(result, request)
    local value = reply.value_of(result)
    if value then
        check(C.mg_async_finish_value(script, at, serial, value))
        return
    end
    local meaning = result ~= nil and reply.meaning(result)
    local number = not meaning and routes.number_of(result)
    if number then
        C.mg_async_finish(script, at, serial, C.MG_FINISH_ROUTE, number, nil, 0)
    elseif meaning == true then
        C.mg_async_finish(script, at, serial, C.MG_FINISH_MISS, 0, nil, 0)
    elseif meaning then
        C.mg_async_finish(script, at, serial, C.MG_FINISH_FAIL, 0, meaning, #meaning)
    else
        where.fail(("a function given to mg.async returned %s, not a response of its own, a route or a reply"):format(
            described(result)))
    end
end

abi.waiting.open {
    functions = routes.functions,
    finish = function(...)
        local good, why = pcall(finish, ...)
        return not good and sandbox.text(why) or nil
    end,
    explain_failure = function(thread, raised) return sandbox.text(raised) .. "\n" .. debug.traceback(thread) end,
}

local function check_seconds(what, value)
    if type(value) ~= "number" or not (value >= 0.001 and value <= 3600) then
        where.fail(("%s takes seconds from 0.001 to 3600, not %s"):format(what, tostring(value)))
    end
    return value
end

-- C's struct behind a request that a function may send: its own, or one that the script made.
local function pointer_of(what, req)
    local r = built.pointer(req) or kept.pointer(req)
    if r == nil then where.fail(what .. " takes the function's own request or one of mg.request") end
    return r
end

-- Sends req through a route. Returns the call's number.
local function send(at, serial, what, route, req, timeout)
    local r = pointer_of(what, req)
    route = follow(route, req)
    local meaning = route ~= nil and reply.meaning(route)
    if meaning == true then
        return check(C.mg_async_answer(script, at, serial, nil, 0))
    elseif meaning then
        return check(C.mg_async_answer(script, at, serial, meaning, #meaning))
    end
    local number = routes.number_of(route)
    if not number then where.fail(what .. " takes a route, not " .. described(route)) end
    return check(C.mg_async_call(script, at, serial, number, r, timeout or 0))
end

--- Sends a request through a route and waits for the response.
-- @param route            any route
-- @param req              the function's request, or one of mg.request
-- @param timeout number   seconds, else the pools' own; after that the result is a timeout
-- @return response
function M.call(route, req, timeout)
    local number = numbers[route]
    local res = number and timeout == nil and call_own(number, req)
    if res then return res end
    local at, serial = current "mg.call"
    if timeout ~= nil then check_seconds("mg.call", timeout) end
    return wait(send(at, serial, "mg.call", route, req, timeout), 1, C.MG_WAIT_ALL, 0, 0, C.MG_GIVES_ONE)
end

local modes = { all = C.MG_WAIT_ALL, first = C.MG_WAIT_FIRST, hit = C.MG_WAIT_HIT, majority = C.MG_WAIT_MAJORITY }

local function read_mode(what, mode)
    if mode == nil then return C.MG_WAIT_ALL, 0 end
    if type(mode) == "number" and mode >= 1 and mode <= 4096 and mode % 1 == 0 then return C.MG_WAIT_COUNT, mode end
    if modes[mode] then return modes[mode], 0 end
    where.fail(("%s: wait takes \"all\", \"first\", \"hit\", \"majority\" or a number, not %s"):format(what,
        tostring(mode)))
end

local function read_options(what, options)
    if options == nil then return C.MG_WAIT_ALL, 0, nil end
    if type(options) ~= "table" then where.fail(what .. " takes a table of options") end
    for name in pairs(options) do
        if name ~= "wait" and name ~= "timeout" then
            where.fail(("%s: unknown option '%s'; there are: timeout, wait"):format(what, tostring(name)))
        end
    end
    local mode, needed = read_mode(what, options.wait)
    if options.timeout ~= nil then check_seconds(what .. ": timeout", options.timeout) end
    return mode, needed, options.timeout
end

-- Calls that a function waits for together must have numbers in a row.
local function in_row(what, call, first, i)
    if call ~= first + i - 1 then
        where.fail(what .. ": a function among its routes may not wait itself; give it to mg.async")
    end
end

-- Waits for calls first .. first+n-1, and returns their responses.
local function gather(first, n, mode, needed, timeout)
    wait(first, n, mode, needed, timeout or 0, C.MG_GIVES_LIST)
    return list_of_responses()
end

--- Sends a request through several routes at once.
-- @param list table     routes
-- @param req            as for mg.call
-- @param options table  wait = "all" | "first" (that is no error) | "hit" | "majority" | n; timeout = seconds
-- @return table  a response for each route, in their order; false for those that have not come
function M.call_all(list, req, options)
    local at, serial = current "mg.call_all"
    local mode, needed, timeout = read_options("mg.call_all", options)
    if type(list) ~= "table" or #list == 0 then where.fail "mg.call_all takes a list of routes" end
    for i = 1, #list do
        if not routes.is_route(list[i]) then where.fail "mg.call_all takes a list of routes" end
    end
    local first
    for i = 1, #list do
        local call = send(at, serial, "mg.call_all", list[i], req)
        first = first or call
        in_row("mg.call_all", call, first, i)
    end
    return gather(first, #list, mode, needed, timeout)
end

--- Sends several requests through one route at once, such as gets of many keys.
-- @param route         any route
-- @param list table    requests
-- @param options table  as for mg.call_all
-- @return table  a response for each request, in their order; false for those that have not come
function M.call_each(route, list, options)
    local at, serial = current "mg.call_each"
    local mode, needed, timeout = read_options("mg.call_each", options)
    if type(list) ~= "table" or #list == 0 then where.fail "mg.call_each takes a list of requests" end
    for i = 1, #list do pointer_of("mg.call_each", list[i]) end -- before anything is sent
    local first
    for i = 1, #list do
        local call = send(at, serial, "mg.call_each", route, list[i])
        first = first or call
        in_row("mg.call_each", call, first, i)
    end
    return gather(first, #list, mode, needed, timeout)
end

--- Sends a request through a route and forgets it.
function M.spawn(route, req)
    routes.check_running "mg.spawn"
    local r = built.pointer(req) or kept.pointer(req)
    if r == nil then where.fail "mg.spawn takes a request" end
    route = follow(route, req)
    if route ~= nil and reply.meaning(route) then return end
    local number = routes.number_of(route)
    if not number then where.fail("mg.spawn takes a route, not " .. described(route)) end
    check(C.mg_spawn(script, number, r))
end

--- Waits.
-- @param seconds number
function M.sleep(seconds)
    current "mg.sleep"
    wait(0, 0, C.MG_WAIT_ALL, 0, check_seconds("mg.sleep", seconds), C.MG_GIVES_NOTHING)
end

--- A route made of a function that may wait.
-- @param f function  of a request; returns a response, a route or a reply
function M.async(f)
    if type(f) ~= "function" then where.fail("mg.async takes a function, not a " .. type(f)) end
    routes.check_loading "mg.async"
    return routes.waiting_value(f, "async " .. where.beginning(f))
end

return M
