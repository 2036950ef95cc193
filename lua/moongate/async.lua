--- async: routes that wait, written straight down: `mg.async(function(req) local res = mg.call(cold, req) ... end)`.
-- Each runs in a coroutine; coroutines are used again. What C knows of one is found by its handle: a place and a serial
-- number.
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

-- By place: the coroutine that waits there. By coroutine: its task { at, serial, request }.
local sleeping, tasks = {}, setmetatable({}, { __mode = "k" })
local idle = {} -- coroutines whose function has ended

local WAITS = {} -- what a coroutine yields when it waits, and not when a script's own coroutine does

local function body(f, request)
    while true do
        f, request = yield(f(request))
    end
end

local function current(what)
    local task = tasks[running()]
    if not task then where.fail(what .. " is for functions that mg.async was given") end
    return task
end

-- The functions and replies that a function returned, as far as Lua can follow them: a number that C runs, or a reply.
local function follow(route, req)
    for _ = 1, 16 do
        if type(route) ~= "function" then return route end
        route = route(req)
    end
    where.fail "functions return functions without end"
end

local function finish(task, result)
    local at, serial = task.at, task.serial
    local call = response.number_of(result, task)
    if call then
        C.mg_async_finish(script, at, serial, C.MG_FINISH_CALL, call, nil, 0)
        return
    end
    result = follow(result, task.request)
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
            result == nil and "nothing" or "a " .. type(result)))
    end
end

local function fail(task, text)
    C.mg_async_finish(script, task.at, task.serial, C.MG_FINISH_ERROR, 0, text, #text)
end

-- What a coroutine came back with: it waits, has ended, or has failed.
local function settle(co, task, good, result)
    if good and result == WAITS then
        sleeping[task.at] = co
        return
    end
    tasks[co] = nil
    if not good then
        fail(task, sandbox.text(result) .. "\n" .. debug.traceback(co))
        return
    end
    idle[#idle + 1] = co
    local told, why = pcall(finish, task, result)
    if not told then fail(task, why) end
end

--- For the router: starts a function for the request in a slot.
function M.begin(slot, f)
    local at = C.mg_async_begin(script, slot)
    local task = { at = at, serial = C.mg_async_serial(script, at) }
    task.request = kept.request(task)
    local co = table.remove(idle) or create(body)
    tasks[co] = task
    settle(co, task, resume(co, f, task.request))
end

--- For the router: goes on with those that C says may.
function M.go_on()
    while true do
        local at = C.mg_async_next(script)
        if at < 0 then return end
        local co = sleeping[at]
        sleeping[at] = nil
        settle(co, tasks[co], resume(co))
    end
end

local call_errors = {
    [tonumber(C.MG_CALL_OVER)] = "this request has been answered already",
    [tonumber(C.MG_CALL_BAD_KEY)] = "a key is 1 to 250 bytes without spaces and control bytes",
    [tonumber(C.MG_CALL_BAD_NUMBER)] = "exptime and flags are whole numbers of 32 bits",
    [tonumber(C.MG_CALL_TOO_LARGE)] = "a value may not be longer than --max-value",
}

local function check_number(what, value)
    if type(value) ~= "number" or not (value >= 0.001 and value <= 3600) then
        where.fail(("%s takes seconds from 0.001 to 3600, not %s"):format(what, tostring(value)))
    end
    return value
end

-- Sends req through a route; the call's number.
local function send(task, what, route, req, timeout)
    local new = built.to_c(req)
    if not new and req ~= task.request then
        where.fail(what .. " takes the function's own request or one of mg.request")
    end
    local number = routes.number_of(follow(route, req))
    if not number then where.fail(what .. " takes a route, not a " .. type(route)) end
    local call = C.mg_async_call(script, task.at, task.serial, number, new, timeout or 0)
    if call < 0 then where.fail(call_errors[call]) end
    return call
end

local function wait(task, first, n, mode, needed, timeout)
    C.mg_async_wait(script, task.at, task.serial, first, n, mode, needed or 0, timeout or 0)
    yield(WAITS)
end

--- Sends a request through a route and waits for its result.
-- @param route            any route
-- @param req              the function's request, or one of mg.request
-- @param timeout number   seconds, else the pools' own; when it passes the result is a timeout
-- @return response
function M.call(route, req, timeout)
    local task = current "mg.call"
    if timeout then check_number("mg.call", timeout) end
    local call = send(task, "mg.call", route, req, timeout)
    wait(task, call, 1, C.MG_WAIT_ALL)
    return response.new(task, call)
end

local modes = { all = C.MG_WAIT_ALL, first = C.MG_WAIT_FIRST, hit = C.MG_WAIT_HIT, majority = C.MG_WAIT_MAJORITY }

local function read_mode(options)
    local mode = options.wait or "all"
    if type(mode) == "number" and mode >= 1 and mode % 1 == 0 then return C.MG_WAIT_COUNT, mode end
    if modes[mode] then return modes[mode], 0 end
    where.fail("mg.call_all: wait takes \"all\", \"first\", \"hit\", \"majority\" or a number, not " .. tostring(mode))
end

--- Sends a request through several routes at once.
-- @param list table     routes
-- @param req            as of mg.call
-- @param options table  wait = "all" | "first" (that is no error) | "hit" | "majority" | n; timeout = seconds
-- @return table  a response for each route, in their order; false for those that have none yet
function M.call_all(list, req, options)
    local task = current "mg.call_all"
    options = options or {}
    for name in pairs(options) do
        if name ~= "wait" and name ~= "timeout" then
            where.fail(("mg.call_all: unknown option '%s'; there are: timeout, wait"):format(tostring(name)))
        end
    end
    local mode, needed = read_mode(options)
    if options.timeout then check_number("mg.call_all: timeout", options.timeout) end
    if type(list) ~= "table" or #list == 0 then where.fail "mg.call_all takes a list of routes" end
    local first
    for _, route in ipairs(list) do
        local call = send(task, "mg.call_all", route, req)
        first = first or call
    end
    wait(task, first, #list, mode, needed, options.timeout)
    local responses = {}
    for i = 1, #list do responses[i] = response.new(task, first + i - 1) or false end
    return responses
end

--- Sends a request through a route and forgets it.
function M.spawn(route, req)
    local number = routes.number_of(follow(route, req))
    if not number then where.fail("mg.spawn takes a route, not a " .. type(route)) end
    local wrong = C.mg_spawn(script, number, kept.pointer(req), built.to_c(req))
    if wrong < 0 then where.fail(call_errors[wrong]) end
end

--- Waits.
-- @param seconds number
function M.sleep(seconds)
    local task = current "mg.sleep"
    wait(task, 0, 0, C.MG_WAIT_ALL, 0, check_number("mg.sleep", seconds))
end

--- A route whose function may wait.
-- @param f function  of a request; returns a response, a route or a reply
function M.async(f)
    if type(f) ~= "function" then where.fail("mg.async takes a function, not a " .. type(f)) end
    routes.check_loading "mg.async"
    return routes.waiting_value(f, "async " .. where.beginning(f))
end

return M
