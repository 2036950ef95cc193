--- clock: the time of a test, which moves only with t.advance and while a test waits; and the workers that live in it.
local stage = require "moongate.stage"

local M = {}

-- What moves with the time: { settle = function(self), due = function(self), close = function(self) }, in order.
local parts = {}
local elapsed = 0

--- Seconds since 1970.
M.now = stage.wall

--- Seconds since the test began.
function M.elapsed() return elapsed end

local began -- with a real clock: when it began

--- Makes time real: it passes by itself, and run waits for it.
function M.be_real()
    began = stage.wall()
    M.elapsed = function() return stage.wall() - began end
end

--- Another test begins: closes everything of the last one.
function M.reset()
    for _, part in ipairs(parts) do part:close() end
    parts, elapsed = {}, 0
end

--- Adds something that moves with the time. settle(): lets happen what happens now; due(): when it is due next, as
-- elapsed, or nil; close(): the test is over.
function M.add(part)
    parts[#parts + 1] = part
end

--- Lets everything happen that is due now. is_waiting: sleeps, in real time, until something happens.
function M.settle(is_waiting)
    for _, part in ipairs(parts) do part:settle(is_waiting) end
end

-- When the next thing is due, at most `limit`.
local function next_due(limit)
    for _, part in ipairs(parts) do
        local due = part:due()
        if due and due < limit then limit = due end
    end
    return limit
end

-- Alarms that due() does not know are found by moving in small steps.
local STEPS, LEAST = 2000, 0.001

-- Timers fire after their time, not at it, and C's clock has whole nanoseconds. With this much added, everything
-- that is due at a moment has happened.
local OVER = 1e-8

local function run_real(seconds, is_over)
    local target = M.elapsed() + seconds
    M.settle()
    while M.elapsed() < target and not (is_over and is_over()) do M.settle(true) end
end

--- Moves on until `seconds` have passed, or until is_over() is true. Everything in between happens in order.
function M.run(seconds, is_over)
    if began then
        run_real(seconds, is_over)
        return
    end
    local target = elapsed + seconds
    local step = math.max(LEAST, seconds / STEPS)
    M.settle()
    while elapsed < target and not (is_over and is_over()) do
        local to = math.max(next_due(math.min(target, elapsed + step)), elapsed + 1e-6)
        stage.advance(to - elapsed + OVER)
        elapsed = to
        M.settle()
    end
end

return M
