--- metrics: what a script counts; `stats script` shows the sums over all workers.
--
--     local hits, depth = mg.counter "hits", mg.gauge "depth"
--     local sizes = mg.histogram("sizes", { 100, 1000, 10000 })
--     return function(req) hits:add(1) ... end
local abi = require "moongate.abi"
local expect_loading = require("moongate.loading").expect
local options = require "moongate.options"
local where = require "moongate.where"

local C, script = abi.C, abi.script
local huge = math.huge

local M = {}

local read_name = options.short_name(64)

local BOUNDS_MOST = 32

-- Seconds, for what nobody gave bounds.
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

-- A counter and a gauge are references into the worker's part of the board: what they do is one store.
local counter, gauge, histogram = {}, {}, {}

--- Adds n, which is not negative, or 1.
function counter.add(c, n)
    if n == nil then n = 1 end
    expect_number("counter:add", n)
    if n < 0 then where.fail "counter:add takes no negative number: a counter only grows; there is mg.gauge" end
    c.value = c.value + n
end

function gauge.set(g, x)
    expect_number("gauge:set", x)
    g.value = x
end

--- Adds n, or 1; negative numbers too.
function gauge.add(g, n)
    if n == nil then n = 1 end
    expect_number("gauge:add", n)
    g.value = g.value + n
end

abi.metatype("struct metric_counter", {
    __metatable = "counter", __index = counter, __tostring = function() return "counter" end,
})
abi.metatype("struct metric_gauge", {
    __metatable = "gauge", __index = gauge, __tostring = function() return "gauge" end,
})

local numbers = setmetatable({}, { __mode = "k" })

--- Counts x in its bucket.
function histogram.observe(h, x)
    local number = numbers[h]
    if not number then where.fail "histogram:observe: call it with a colon on what mg.histogram gave" end
    expect_number("histogram:observe", x)
    C.mg_observe(script, number, x)
end

local histogram_class = {
    __metatable = "histogram",
    __index = histogram,
    __newindex = function() where.fail "a histogram has no fields to set" end,
    __tostring = function() return "histogram" end,
}

M.methods = { counter = counter, gauge = gauge, histogram = histogram }

--- What only grows. The same name gives the same counter.
function M.counter(name)
    expect_name("mg.counter", name)
    local c = C.mg_counter(script, name)
    if c == nil then fail("mg.counter", name) end
    return c[0]
end

--- What goes up and down.
function M.gauge(name)
    expect_name("mg.gauge", name)
    local g = C.mg_gauge(script, name)
    if g == nil then fail("mg.gauge", name) end
    return g[0]
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

--- How often values were how large.
-- @param bounds table|nil  growing numbers: the most that belongs to each bucket; what is larger has one of its own
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
