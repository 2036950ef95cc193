--- timer: functions that the loop calls, in every worker; mg.worker.id says in which one.
--
--     local timer = mg.timer.every(10, function() ... end)
--     timer:stop()
local abi = require "moongate.abi"
local readonly = require "moongate.readonly"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

local LEAST, MOST = 0.001, 1e6

-- By C's number: the function, and the handle of a timer that fires once.
local functions, once = {}, {}

-- Handles of timers that run: their numbers.
local numbers = setmetatable({}, { __mode = "k" })

local handle_class = {
    __metatable = "timer",
    __index = {
        --- It fires no more. Once is enough, twice is no mistake.
        stop = function(handle)
            local number = numbers[handle]
            if not number then return end
            numbers[handle], functions[number], once[number] = nil, nil, nil
            C.mg_timer_stop(script, number)
        end,
    },
    __newindex = readonly.refuse "a timer",
    __tostring = function() return "timer" end,
}

M.methods = handle_class.__index

local function start(what, seconds, least, f, repeats)
    if type(seconds) ~= "number" or not (seconds >= least and seconds <= MOST) then
        where.fail(("%s takes seconds from %g to %g, not %s"):format(what, least, MOST, tostring(seconds)))
    end
    if type(f) ~= "function" then where.fail(("%s takes a function, not a %s"):format(what, type(f))) end
    local number = C.mg_timer_start(script, seconds, repeats)
    if number < 0 then where.fail(("%s: %s"):format(what, abi.text(C.mg_wrong(script)))) end
    local handle = setmetatable({}, handle_class)
    numbers[handle] = number
    functions[number] = f
    if not repeats then once[number] = handle end
    return handle
end

--- Calls f every so many seconds, the first time after as many.
function M.every(seconds, f)
    return start("mg.timer.every", seconds, LEAST, f, true)
end

--- Calls f once.
function M.after(seconds, f)
    return start("mg.timer.after", seconds, 0, f, false)
end

--- For C: the timer of that number has fired. One that fires once is gone before its function is called.
function M.fire(number)
    local f, handle = functions[number], once[number]
    if handle then
        numbers[handle], functions[number], once[number] = nil, nil, nil
    end
    f()
end

return M
