--- run: the program of `moongate test`: runs the tests of one file and reports each.
local clock = require "moongate.test.clock"
local sandbox = require "moongate.sandbox"
local stage = require "moongate.stage"
local suite = require "moongate.test.suite"
local where = require "moongate.where"

-- The places in the user's files that an error passed, innermost first; without the place that its text names.
local function callers(text)
    local lines = {}
    for level = 3, 60 do
        local info = debug.getinfo(level, "Sl")
        if not info then break end
        local place = info.short_src .. ":" .. info.currentline
        if where.is_script(info.source) and text:sub(1, #place + 1) ~= place .. ":" then
            lines[#lines + 1] = "\n  from      " .. place
        end
    end
    return table.concat(lines)
end

local function handler(raised)
    local text = sandbox.text(raised)
    return text .. callers(text)
end

-- Modules that the file asks for and that are not loaded yet. `moongate` is there for scripts only.
local function no_script(_, name)
    if name == "moongate" then
        where.fail "this is a script, not a test: load it in a test, with t.load \"SCRIPT.lua\""
    end
end

local function load(path, is_unsafe)
    local dir = path:match "^.*/" or ""
    local tests = suite.begin(dir)
    local function print(text) stage.report("note", 0, text) end
    local modules = setmetatable({ ["moongate.test"] = require "moongate.test" }, { __index = no_script })
    local env = sandbox.globals(dir == "" and "./" or dir, print, modules, is_unsafe)
    local chunk, wrong = sandbox.load_file(path, env)
    if not chunk then error(wrong, 0) end
    local good, why = xpcall(chunk, handler)
    if not good then error(why, 0) end
    return tests
end

-- What was logged, without times and processes.
local function logged()
    local text = stage.logged():gsub("%f[^%z\n]%S+ (%a+) +%S+: ", "%1: "):gsub("\\n\t?", "\n  ")
    return text == "" and "" or "\nlogged:\n" .. text
end

local function run(test)
    if not test.f then
        stage.report("skip", 0, "")
        return
    end
    local good, why = suite.run(test, handler)
    clock.reset()
    local log = logged()
    if good then
        stage.report("pass", 0, "")
    else
        stage.report("fail", 0, why .. log)
    end
end

--- path: the file; from: the number of the first test to run; filter: text that names must contain; safety: "safe" or
-- "unsafe", for --unsafe-lua.
return function(path, from, filter, safety)
    for number, test in ipairs(load(path, safety == "unsafe")) do
        if number >= tonumber(from) and test.name:find(filter, 1, true) then
            stage.report("begin", number, test.name)
            run(test)
        end
    end
end
