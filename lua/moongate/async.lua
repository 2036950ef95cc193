--- async: routes that wait, written straight down: `mg.async(function(req) local res = mg.call(cold, req) ... end)`.
-- Each runs in a coroutine; coroutines are used again. What C knows of one is found by its handle: a place and a
-- serial number.
local abi = require "moongate.abi"
local built = require "moongate.built"
local kept = require "moongate.kept"
local reply = require "moongate.reply"
local response = require "moongate.response"
local routes = require "moongate.routes"
local sandbox = require "moongate.sandbox"
local where = require "moongate.where"

local C, script = abi.C, abi.script
local create, resume, yield, running = coroutine.create, coroutine.resume, coroutine.yield, coroutine.running

local M = {}

local IDLE_MOST = 1024 -- coroutines that are kept for the next function

-- By place: the coroutine that waits there. By coroutine: its task { at, serial }, which may not lead to its request:
-- requests lead to it, through a weak table that would keep both for ever.
local sleeping, tasks = {}, setmetatable({}, { __mode = "k" })
local idle = {} -- coroutines whose function has ended

-- What passes between a coroutine and settle. A script has neither, so its own yields and resumes are found out.
local WAITS, ENDS, GO = {}, {}, {}

local function body(f, request)
    while true do
        local result = f(request)
        f, request = yield(ENDS, result, request)
    end
end

local function current(what)
    local task = tasks[running()]
    if not task then where.fail(what .. " is for functions that mg.async was given") end
    return task
end

-- Why C did not take a call.
M.call_errors = {
    [tonumber(C.MG_CALL_OVER)] = "this request has been answered already",
    [tonumber(C.MG_CALL_BAD_KEY)] = "a key is 1 to 250 bytes without spaces and control bytes",
    [tonumber(C.MG_CALL_BAD_NUMBER)] = "exptime and flags are whole numbers of 32 bits",
    [tonumber(C.MG_CALL_TOO_LARGE)] = "a value may not be longer than --max-value",
    [tonumber(C.MG_CALL_TOO_MANY)] = "a function makes 4096 calls at most",
    [tonumber(C.MG_CALL_TOO_MUCH)] = "this function holds as many bytes as it may (--client-buffer)",
    [tonumber(C.MG_CALL_NO_VALUE)] = "mg.reply.value answers get, gets, gat, gats and mg only",
}

local function check(status)
    if status < 0 then where.fail(M.call_errors[status]) end
    return status
end

-- The functions and replies that a function returned, as far as Lua can follow them: a number that C runs, or a reply.
local function follow(route, req)
    for _ = 1, 16 do
        if type(route) ~= "function" then return route end
        route = route(req)
    end
    where.fail "functions return functions without end"
end

local function described(value)
    return value == nil and "nothing" or "a " .. type(value)
end

local function finish(task, result, request)
    local at, serial = task.at, task.serial
    local call = response.number_of(result, task)
    if call then
        C.mg_async_finish(script, at, serial, C.MG_FINISH_CALL, call, nil, 0)
        return
    end
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
        where.fail(("a function given to mg.async returned %s, not a response, a route or a reply"):format(
            described(result)))
    end
end

local function fail(task, text)
    C.mg_async_finish(script, task.at, task.serial, C.MG_FINISH_ERROR, 0, text, #text)
end

-- What a coroutine came back with: it waits, has ended, or has failed.
local function settle(co, task, good, what, result, request)
    if good and what == WAITS then
        sleeping[task.at] = co
        return
    end
    tasks[co] = nil
    if not good then
        fail(task, sandbox.text(what) .. "\n" .. debug.traceback(co))
        return
    end
    if what ~= ENDS then
        fail(task, "a function given to mg.async yields through mg.call, mg.call_all, mg.call_each and mg.sleep only")
        return
    end
    if #idle < IDLE_MOST then idle[#idle + 1] = co end
    local told, why = pcall(finish, task, result, request)
    if not told then fail(task, sandbox.text(why)) end
end

--- For the router: starts a function for the request in a slot.
function M.begin(slot, f)
    local co, task = table.remove(idle) or create(body), {}
    local request = kept.request(task)
    tasks[co] = task
    task.at = C.mg_async_begin(script, slot)
    if task.at < 0 then
        local text = "too many functions wait"
        C.mg_refuse(script, slot, text, #text)
        return
    end
    task.serial = C.mg_async_serial(script, task.at)
    settle(co, task, resume(co, f, request))
end

--- For the router: goes on with those that C says may.
function M.go_on()
    while true do
        local at = C.mg_async_next(script)
        if at < 0 then return end
        local co = sleeping[at]
        local task = tasks[co]
        sleeping[at] = nil
        if C.mg_async_is_over(script, task.at, task.serial) then
            tasks[co] = nil -- its client is gone: the coroutine is dropped where it stands
        else
            settle(co, task, resume(co, GO))
        end
    end
end

local function check_seconds(what, value)
    if type(value) ~= "number" or not (value >= 0.001 and value <= 3600) then
        where.fail(("%s takes seconds from 0.001 to 3600, not %s"):format(what, tostring(value)))
    end
    return value
end

-- C's struct of what a function may send: its own request, or one that the script made.
local function pointer_of(task, what, req)
    local r = built.pointer(req)
    if r == nil and kept.is_of(req, task) then r = kept.pointer(req) end
    if r == nil then where.fail(what .. " takes the function's own request or one of mg.request") end
    return r
end

-- Sends req through a route; the call's number.
local function send(task, what, route, req, timeout)
    local r = pointer_of(task, what, req)
    route = follow(route, req)
    local meaning = route ~= nil and reply.meaning(route)
    if meaning == true then
        return check(C.mg_async_answer(script, task.at, task.serial, nil, 0))
    elseif meaning then
        return check(C.mg_async_answer(script, task.at, task.serial, meaning, #meaning))
    end
    local number = routes.number_of(route)
    if not number then where.fail(what .. " takes a route, not " .. described(route)) end
    return check(C.mg_async_call(script, task.at, task.serial, number, r, timeout or 0))
end

local function wait(task, first, n, mode, needed, timeout)
    C.mg_async_wait(script, task.at, task.serial, first, n, mode, needed or 0, timeout or 0)
    if yield(WAITS) ~= GO then where.fail "this coroutine belongs to mg.async: only moongate resumes it" end
end

--- Sends a request through a route and waits for its result.
-- @param route            any route
-- @param req              the function's request, or one of mg.request
-- @param timeout number   seconds, else the pools' own; when it passes the result is a timeout
-- @return response
function M.call(route, req, timeout)
    local task = current "mg.call"
    if timeout ~= nil then check_seconds("mg.call", timeout) end
    local call = send(task, "mg.call", route, req, timeout)
    wait(task, call, 1, C.MG_WAIT_ALL)
    return response.new(task, call)
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

-- Calls that are waited for together have numbers in a row.
local function in_row(what, call, first, i)
    if call ~= first + i - 1 then
        where.fail(what .. ": a function among its routes may not wait itself; give it to mg.async")
    end
end

-- Waits for calls first .. first+n-1, and gives their responses.
local function gather(task, first, n, mode, needed, timeout)
    wait(task, first, n, mode, needed, timeout)
    local responses = {}
    for i = 1, n do responses[i] = response.new(task, first + i - 1) or false end
    return responses
end

--- Sends a request through several routes at once.
-- @param list table     routes
-- @param req            as of mg.call
-- @param options table  wait = "all" | "first" (that is no error) | "hit" | "majority" | n; timeout = seconds
-- @return table  a response for each route, in their order; false for those that have none yet
function M.call_all(list, req, options)
    local task = current "mg.call_all"
    local mode, needed, timeout = read_options("mg.call_all", options)
    if type(list) ~= "table" or #list == 0 then where.fail "mg.call_all takes a list of routes" end
    for i = 1, #list do
        if not routes.is_route(list[i]) then where.fail "mg.call_all takes a list of routes" end
    end
    local first
    for i = 1, #list do
        local call = send(task, "mg.call_all", list[i], req)
        first = first or call
        in_row("mg.call_all", call, first, i)
    end
    return gather(task, first, #list, mode, needed, timeout)
end

--- Sends several requests through one route at once: a get of many keys.
-- @param route         any route
-- @param list table    requests
-- @param options table  as of mg.call_all
-- @return table  a response for each request, in their order; false for those that have none yet
function M.call_each(route, list, options)
    local task = current "mg.call_each"
    local mode, needed, timeout = read_options("mg.call_each", options)
    if type(list) ~= "table" or #list == 0 then where.fail "mg.call_each takes a list of requests" end
    for i = 1, #list do pointer_of(task, "mg.call_each", list[i]) end -- before anything is sent
    local first
    for i = 1, #list do
        local call = send(task, "mg.call_each", route, list[i])
        first = first or call
        in_row("mg.call_each", call, first, i)
    end
    return gather(task, first, #list, mode, needed, timeout)
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
    local task = tasks[running()]
    check(C.mg_spawn(script, number, r, task and task.at or C.MG_BY_TURN, task and task.serial or 0))
end

--- Waits.
-- @param seconds number
function M.sleep(seconds)
    local task = current "mg.sleep"
    wait(task, 0, 0, C.MG_WAIT_ALL, 0, check_seconds("mg.sleep", seconds))
end

--- A route whose function may wait.
-- @param f function  of a request; returns a response, a route or a reply
function M.async(f)
    if type(f) ~= "function" then where.fail("mg.async takes a function, not a " .. type(f)) end
    routes.check_loading "mg.async"
    return routes.waiting_value(f, "async " .. where.beginning(f))
end

--- For policies: the task of the function that runs.
M.current = current

return M
