--- timer: functions that the loop calls later, in every worker; mg.worker.id tells which worker it is.
--
--     local timer = mg.timer.every(10, function() ... end)
--     timer:stop()
local abi = require "moongate.abi"
local readonly = require "moongate.readonly"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

local LEAST, MOST = 0.001, 1e6

-- By C's number: the functions, and the handles of timers that fire once.
local functions, once = {}, {}

-- The numbers of timers that run, by their handles.
local numbers = setmetatable({}, { __mode = "k" })

local handle_class = {
    __metatable = "timer",
    __index = {
        --- Stops the timer. To stop it twice is no error.
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
        where.fail(("%s takes seconds from %.15g to %.15g, not %s"):format(what, least, MOST, tostring(seconds)))
    end
    if type(f) ~= "function" then where.fail(("%s takes a function, not a %s"):format(what, type(f))) end
    local number = C.mg_timer_start(script, seconds, repeats)
    if number < 0 then where.fail(("%s: %s"):format(what, abi.text(C.mg_wrong(script)))) end
    -- For the log, if it never ends; a request that starts a timer does not pay for it.
    if repeats or C.mg_is_loading(script) then C.mg_timer_place(script, number, where.beginning(f)) end
    local handle = setmetatable({}, handle_class)
    numbers[handle] = number
    functions[number] = f
    if not repeats then once[number] = handle end
    return handle
end

--- Calls f every so many seconds, for the first time after that time.
function M.every(seconds, f)
    return start("mg.timer.every", seconds, LEAST, f, true)
end

--- Calls f once, after so many seconds.
function M.after(seconds, f)
    return start("mg.timer.after", seconds, 0, f, false)
end

--- C calls this when the timer of that number fires. A timer that fires once is removed before its function is called.
function M.fire(number)
    local f, handle = functions[number], once[number]
    if handle then
        numbers[handle], functions[number], once[number] = nil, nil, nil
    end
    f()
end

return M
