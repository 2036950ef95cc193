--- test: what a test of a script gets from `require "moongate.test"`. Run by `moongate test`.
--
--     local t = require "moongate.test"
--     t.describe("sessions", function()
--         t.it("fall over to the gutter", function()
--             local app = t.load "route.lua"
--             app:server("10.0.0.1:11211"):is_down()
--             t.expect(app:get "session:1"):is_miss()
--             t.expect(app.sent):equals { { server = "10.0.1.1:11211", line = "get session:1" } }
--         end)
--     end)
local app = require "moongate.test.app"
local clock = require "moongate.test.clock"
local expect = require "moongate.test.expect"
local suite = require "moongate.test.suite"
local where = require "moongate.where"

---@type moongate.test
local t = {}

--- t.describe(name, f): groups the tests that f makes; may stand in another describe.
t.describe = suite.describe

--- t.it(name, f): a test; without a function it is skipped.
t.it = suite.it

--- t.before(f), t.after(f): run before and after each test of this describe (or of the file).
t.before, t.after = suite.before, suite.after

--- Begins an expectation about a value: see the methods of moongate.test.expect.
t.expect = expect.expect

local function read_file(path)
    local file, wrong = io.open(path, "rb")
    if not file then where.fail(wrong) end
    local text = file:read "*a"
    file:close()
    return text
end

local function load(path, text, options)
    if not suite.is_running() then
        where.fail "load scripts inside of t.it or t.before, so that each test has its own"
    end
    local made, wrong = app.load(path, text, options or {})
    if not made then where.fail(wrong) end
    expect.watch(made)
    return made
end

--- Loads the script in a file beside the test. Its servers are fakes that answer like an empty memcached.
-- @param path string
-- @param options table  servers: the value of mg.servers
function t.load(path, options)
    if type(path) ~= "string" then where.fail("t.load takes the path of a script, not a " .. type(path)) end
    path = path:sub(1, 1) == "/" and path or suite.dir() .. path
    return load(path, read_file(path), options)
end

--- Loads a script from its text.
function t.load_text(text, options)
    if type(text) ~= "string" then where.fail("t.load_text takes the text of a script, not a " .. type(text)) end
    return load(suite.dir() .. "(text)", text, options)
end

--- Lets so many seconds pass: timeouts, timers, sleeps, expiry. Nothing waits for real.
function t.advance(seconds)
    if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= 1e8) then
        where.fail("t.advance takes seconds, not " .. tostring(seconds))
    end
    clock.run(seconds)
end

--- Seconds since 1970, as scripts see them. Each test begins with the year 2026.
function t.now() return clock.now() end

return t
