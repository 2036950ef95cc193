--- metrics: what a script counts; `stats script` shows the sums over all workers.
--
--     local hits, depth = mg.counter "hits", mg.gauge "depth"
--     local sizes = mg.histogram("sizes", { 100, 1000, 10000 })
--     return function(req) hits:add(1) ... end
local abi = require "moongate.abi"
local expect_loading = require("moongate.loading").expect
local options = require "moongate.options"
local readonly = require "moongate.readonly"
local where = require "moongate.where"

local C, script = abi.C, abi.script
local huge = math.huge

local M = {}

local read_name = options.short_name(64)

local BOUNDS_MOST = 32

-- Bounds in seconds, for histograms without bounds.
local COMMON = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 }

local function expect_name(what, name)
    expect_loading(what)
    local good, wrong = read_name(name)
    if not good then where.fail(("%s: a name %s"):format(what, wrong)) end
end

local function fail(what, name)
    where.fail(("%s '%s': %s"):format(what, name, abi.text(C.mg_wrong(script))))
end

local function expect_number(what, x)
    if type(x) == "number" and x > -huge and x < huge then return end
    where.fail(("%s takes a number, not %s"):format(what, tostring(x)))
end

-- Counters and gauges are pointers into the worker's part of the board: a change is one store.
local counter, gauge, histogram = {}, {}, {}

local function class(name, index)
    return {
        __metatable = name, __index = index, __newindex = readonly.refuse("a " .. name),
        __tostring = function() return name end,
    }
end

-- `value` of a counter or gauge is this worker's part.
local open_counter, open_gauge

local seal_counter, seal_gauge
seal_counter, open_counter = abi.sealed("struct metric_counter", class("counter", function(c, name)
    if name == "value" then return open_counter(c).value end
    return counter[name]
end))
seal_gauge, open_gauge = abi.sealed("struct metric_gauge", class("gauge", function(g, name)
    if name == "value" then return open_gauge(g).value end
    return gauge[name]
end))

local function counter_of(c)
    return open_counter(c) or where.fail "counter:add: call it with a colon on what mg.counter gave"
end

--- True for what mg.counter gives.
function M.is_counter(value)
    return type(value) == "cdata" and open_counter(value) ~= nil
end

local function gauge_of(g)
    return open_gauge(g) or where.fail "call it with a colon on what mg.gauge gave: gauge:set(x), gauge:add(n)"
end

--- Adds n (1 unless given), which may not be negative.
function counter.add(c, n)
    if n == nil then n = 1 end
    expect_number("counter:add", n)
    if n < 0 then where.fail "counter:add takes no negative number: a counter only grows; use mg.gauge" end
    local of = counter_of(c)
    of.value = of.value + n
end

function gauge.set(g, x)
    expect_number("gauge:set", x)
    gauge_of(g).value = x
end

--- Adds n (1 unless given), which may be negative.
function gauge.add(g, n)
    if n == nil then n = 1 end
    expect_number("gauge:add", n)
    local of = gauge_of(g)
    of.value = of.value + n
end

local numbers = setmetatable({}, { __mode = "k" })

--- Counts x in its bucket.
function histogram.observe(h, x)
    local number = numbers[h]
    if not number then where.fail "histogram:observe: call it with a colon on what mg.histogram gave" end
    expect_number("histogram:observe", x)
    C.mg_observe(script, number, x)
end

local histogram_class = class("histogram", histogram)

M.methods = { counter = counter, gauge = gauge, histogram = histogram }

--- A number that only grows. The same name gives the same counter.
function M.counter(name)
    expect_name("mg.counter", name)
    local c = C.mg_counter(script, name)
    if c == nil then fail("mg.counter", name) end
    return seal_counter(c)
end

--- A number that goes up and down.
function M.gauge(name)
    expect_name("mg.gauge", name)
    local g = C.mg_gauge(script, name)
    if g == nil then fail("mg.gauge", name) end
    return seal_gauge(g)
end

local function check_bounds(bounds)
    local last = -huge
    if options.wrong_list(bounds) or #bounds < 1 or #bounds > BOUNDS_MOST then
        where.fail(("mg.histogram: bounds are a list of 1 to %d numbers"):format(BOUNDS_MOST))
    end
    for _, bound in ipairs(bounds) do
        expect_number("mg.histogram: a list of bounds", bound)
        if bound <= last then where.fail "mg.histogram: each bound is larger than the one before" end
        last = bound
    end
end

--- Counts values by their size.
-- @param bounds table|nil  growing numbers: the largest value of each bucket; larger values have their own bucket
function M.histogram(name, bounds)
    expect_name("mg.histogram", name)
    bounds = bounds or COMMON
    check_bounds(bounds)
    local number = C.mg_histogram(script, name, abi.doubles(bounds), #bounds)
    if number < 0 then fail("mg.histogram", name) end
    local h = setmetatable({}, histogram_class)
    numbers[h] = number
    return h
end

return M
