--- boot: what C calls: loads a script once, then routes the turn's requests with it.
local abi = require "moongate.abi"
local where = require "moongate.where"

local M = {}

local DEEPEST = 16 -- functions that return functions

--- Called first, with abi.open's arguments. Returns the functions that C keeps: traceback, run, trace, load.
function M.start(cdef, script, batch, waiting)
    abi.open(cdef, script, batch, waiting)
    local sandbox = require "moongate.sandbox"
    return sandbox.traceback, M.run, M.trace, M.load
end

local async, numbers, functions, meaning, value_of, slots, answers, handles, now
local root, environment, prompt, NONE, CHECKS, cell

local function log(text)
    require "moongate.log"(text)
end

-- For errors: "nothing" or "a number", and the place of the function that returned it.
local function describe(value, from)
    local what = value == nil and "nothing" or "a " .. (abi.waiting.sort(value) or type(value))
    if type(from) ~= "function" then return what end
    return ("%s (the function at %s)"):format(what, where.beginning(from))
end

--- Loads and runs the script; keeps the route that it returns. Raises a message with file and line.
-- @param path string    its file, or nil for the script behind --servers or --store
-- @param text string    the text of the file
-- @return number|nil  the route's number, if C runs it without Lua
-- @return string|nil  "the function at script.lua:5", if it is one
function M.load(path, text)
    local sandbox = require "moongate.sandbox"
    async = require "moongate.async"
    local routes = require "moongate.routes"
    numbers, functions = routes.numbers, routes.functions
    meaning, value_of = require "moongate.reply".meaning, require "moongate.reply".value_of
    slots, answers = abi.slots(), abi.batch.answers
    handles, now = abi.waiting.handles, abi.waiting.now
    NONE = tonumber(abi.C.ANSWER_NONE)
    local interrupt = require "moongate.interrupt"
    CHECKS, cell = interrupt.first, interrupt.cell
    local built_in = abi.C.mg_store_size(abi.script) > 0 and "cache" or "servers"
    local shown = path or ("moongate/%s.lua"):format(built_in)
    local chunk, wrong
    if path then
        local modules = { moongate = require "moongate" }
        environment = sandbox.globals(path:match "^.*/" or "./", log, modules, abi.C.mg_is_unsafe(abi.script))
        chunk, wrong = sandbox.load_text(text, path, environment)
        if not chunk then error(wrong, 0) end
    else
        chunk = function() return require("moongate." .. built_in) end
    end
    local good, result = where.follow(chunk)
    if not good then
        error(type(result) == "string" and result or shown .. ": " .. sandbox.text(result), 0)
    end
    root = require "moongate.listen".settle(result, shown)
    if type(root) == "function" then where.set_function(root) end
    if not routes.is_route(root) then
        local what = describe(root)
        error(("%s: a script returns a route (a pool, a policy or a function), not %s"):format(shown, what), 0)
    end
    return numbers[root], type(root) == "function" and require "moongate.routes".name(root) or nil
end

-- Decides a slot for which the route `from` returned what C cannot run: a function, which is called; a ready reply; or
-- a mistake. `note`, for trace, is called with each function before it is called; then a value is not sent.
local function decide(at, req, route, from, note)
    for _ = 1, DEEPEST do
        local number = numbers[route]
        if number then
            answers[at].route = number
            return
        end
        local what = route ~= nil and meaning(route)
        if what == true then
            answers[at].route = abi.C.ANSWER_MISS
            return
        elseif what then
            abi.C.mg_refuse(abi.script, at, what, #what)
            return
        end
        local value = value_of(route)
        if value and note then
            abi.C.mg_step(abi.script, "reply value", 11)
            answers[at].route = abi.C.ANSWER_TAKEN
            return
        elseif value then
            local status = abi.C.mg_answer_value(abi.script, at, value)
            if status < 0 then error(async.call_errors[status], 0) end
            return
        end
        if type(route) ~= "function" then
            error(("a route returned %s, not a route or a reply"):format(describe(route, from)), 0)
        end
        from = route
        if note then note(route) end
        route = route(req)
    end
    error("functions return functions without end", 0)
end

--- Routes the slots first .. last that have no answer yet. After an error batch.at is the slot that raised it.
function M.run(first, last)
    local batch, of, asked, left = abi.batch, numbers, functions, cell
    for at = first, last do
        if answers[at].route == NONE then
            batch.at, left[0] = at, CHECKS
            local slot, req = slots[at], handles[at]
            now[1], batch.request = req, slot
            local id = slot.function_id
            local from = id == 0 and root or asked[id]
            local route = from
            if type(route) == "function" then route = route(req) end
            local number = of[route]
            if number then
                answers[at].route = number
            else
                decide(at, req, route, from)
            end
        end
    end
    now[1] = false
end

-- Adds a function to the path that is traced.
local function note_function(f)
    local text = require "moongate.routes".name(f):gsub("^the ", "")
    abi.C.mg_step(abi.script, text, #text)
end

--- Routes one slot as run does, and reports each step to C before the answer.
function M.trace(at)
    local slot, req = slots[at], handles[at]
    now[1], abi.batch.request = req, slot
    local id = slot.function_id
    local route = id == 0 and root or functions[id]
    abi.batch.at = at
    decide(at, req, route, route, note_function)
end

--- The value of an expression as text; nothing for a statement. `mg` is there; the script's locals are not.
function M.evaluate(text)
    local sandbox = require "moongate.sandbox"
    prompt = prompt or setmetatable({ mg = require "moongate" }, { __index = environment })
    local chunk, wrong = sandbox.load_chunk("return " .. text, "=expression", prompt)
    chunk = chunk or sandbox.load_chunk(text, "=expression", prompt)
    if not chunk then error(wrong, 0) end
    local function show(...)
        local words = { ... }
        for i = 1, select("#", ...) do words[i] = require "moongate.show".value((select(i, ...))) end
        return table.concat(words, ", ")
    end
    return show(chunk())
end

return M
