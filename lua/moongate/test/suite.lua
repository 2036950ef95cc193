--- suite: the tests of one file: collected while the file loads, then run one by one.
local where = require "moongate.where"

local M = {}

local tests = {}                                 -- { name, f, group }
local group = { name = "", before = {}, after = {} } -- the describe that is open
local running = false
local dir = ""

local function check(what, name, f)
    if running then where.fail(what .. " cannot be called inside of a test") end
    if type(name) ~= "string" or name == "" then where.fail(what .. " takes a name and a function") end
    if type(f) ~= "function" then where.fail(what .. " takes a function, not a " .. type(f)) end
end

local function full_name(of, name)
    return of.name == "" and name or of.name .. " " .. name
end

--- Groups the tests that f makes.
function M.describe(name, f)
    check("t.describe", name, f)
    local outer = group
    group = { name = full_name(outer, name), before = {}, after = {}, parent = outer }
    f()
    group = outer
end

--- A test; without a function it is skipped.
function M.it(name, f)
    check("t.it", name, f or function() end)
    tests[#tests + 1] = { name = full_name(group, name), f = f, group = group }
end

--- Runs f before each test of this describe; those of outer ones run first.
function M.before(f)
    check("t.before", "before", f)
    table.insert(group.before, f)
end

--- Runs f after each test of this describe, also after one that failed; those of inner ones run first.
function M.after(f)
    check("t.after", "after", f)
    table.insert(group.after, 1, f)
end

--- True while a test runs.
function M.is_running() return running end

--- The folder of the file, with a slash at its end; "" for the current one.
function M.dir() return dir end

--- Begins a file in that folder. Returns the list that gets its tests.
function M.begin(folder)
    dir = folder
    return tests
end

local function run_before(of)
    if of.parent then run_before(of.parent) end
    for _, f in ipairs(of.before) do f() end
end

local function run_after(of, handler)
    local good, wrong = true, nil
    for _, f in ipairs(of.after) do
        local fine, why = xpcall(f, handler)
        if not fine then good, wrong = false, wrong or why end
    end
    if not of.parent then return good, wrong end
    local fine, why = run_after(of.parent, handler)
    return good and fine, wrong or why
end

--- Runs a test. Returns true, or false and what the handler returned for the first error.
function M.run(test, handler)
    running = true
    local good, wrong = xpcall(function()
        run_before(test.group)
        test.f()
    end, handler)
    local fine, why = run_after(test.group, handler)
    running = false
    return good and fine, wrong or why
end

return M
