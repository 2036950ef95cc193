--- sandbox: the globals of a user's script: no files, no processes, no bytecode, no way to other scripts' memory.
local M = {}

local abi = require "moongate.abi"
local where = require "moongate.where"

local debug_traceback = debug.traceback
local coroutine_running = coroutine.running
local loadstring, setfenv, io_open = loadstring, setfenv, io.open

local allowed = { "assert", "error", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawset", "select",
    "setmetatable", "getmetatable", "tonumber", "tostring", "type", "unpack", "xpcall" }
local libraries = { "bit", "coroutine", "math", "string", "table" }
local os_functions = { "clock", "date", "difftime", "time" }

local function copy(from, names)
    local to = {}
    if names then
        for _, name in ipairs(names) do to[name] = from[name] end
    else
        for name, value in pairs(from) do to[name] = value end
    end
    return to
end

local strict = {
    __metatable = "globals",
    __index = function(_, name)
        where.fail(("global '%s' is not defined"):format(tostring(name)))
    end,
    __newindex = function(_, name)
        where.fail(("global '%s' is not defined: write `local %s`"):format(tostring(name), tostring(name)))
    end,
}

-- Text only: bytecode could corrupt memory.
local function compile(text, name, env)
    if text:sub(1, 1) == "\27" then
        return nil, name:gsub("^[@=]", "") .. ": bytecode is not loaded: give Lua source"
    end
    local chunk, wrong = loadstring(text, name)
    if not chunk then return nil, wrong end
    where.note_script(name)
    return setfenv(chunk, env)
end

local function read_file(path)
    local file, wrong = io_open(path, "rb")
    if not file then return nil, wrong end
    local text
    text, wrong = file:read "*a"
    file:close()
    return text, wrong and path .. ": " .. wrong
end

--- Loads text that is no file, under the name given.
M.load_chunk = compile

--- Loads the text of the file at `path` as a function of no arguments with the globals `env`. nil and a message when it
-- cannot.
function M.load_text(text, path, env)
    return compile(text, "@" .. path, env)
end

--- Loads the file at `path` as a function of no arguments with the globals `env`. nil and a message when it cannot.
function M.load_file(path, env)
    local text, wrong = read_file(path)
    if not text then return nil, wrong end
    return M.load_text(text, path, env)
end

-- `require`: what is loaded, or a file beside the script, loaded once a script.
local function make_require(dir, env, loaded)
    return function(name)
        if type(name) ~= "string" then where.fail("require takes a string, not a " .. type(name)) end
        if loaded[name] ~= nil then return loaded[name] end
        if not name:find "^[%w_-][%w_.-]*$" or name:find("..", 1, true) then
            where.fail(("module '%s': a name is letters, digits, _, - and dots between them"):format(name))
        end
        local path = dir .. name:gsub("%.", "/") .. ".lua"
        local chunk, wrong = M.load_file(path, env)
        if not chunk then where.fail(("module '%s' does not load: %s"):format(name, wrong)) end
        local result = chunk()
        loaded[name] = result == nil and true or result
        return loaded[name]
    end
end

local function make_load(env)
    return function(text, name)
        if type(text) ~= "string" then where.fail("load takes a string of Lua source, not a " .. type(text)) end
        return compile(text, name or "=(load)", env)
    end
end

-- string.dump makes bytecode; the metatable of strings is one for all scripts and for moongate itself.
string.dump = nil
getmetatable("").__metatable = "string"

-- The coroutine of a function given to mg.async is moongate's: whoever has it could resume it in moongate's place.
local function running_coroutine()
    local is_moongates = abi.waiting and abi.waiting.current()
    return not is_moongates and coroutine_running() or nil
end

--- The globals of one script.
-- @param dir string    where `require` looks, with its last slash
-- @param print function  gets the line that print makes
-- @param loaded table    modules that `require` has already, by name
function M.globals(dir, print, loaded)
    local env = copy(_G, allowed)
    for _, name in ipairs(libraries) do env[name] = copy(_G[name]) end
    env.coroutine.running = running_coroutine
    env.os = copy(os, os_functions)
    env._G = env
    env._VERSION = _VERSION
    env.require = make_require(dir, env, loaded)
    env.load = make_load(env)
    env.loadstring = env.load
    env.print = function(...)
        local words = {}
        for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
        print(table.concat(words, "\t"))
    end
    return setmetatable(env, strict)
end

--- The text of whatever a script raised. Never raises itself.
function M.text(raised)
    local good, text = pcall(tostring, raised)
    if good and type(text) == "string" then return text end
    return "(an error that cannot be shown)"
end

--- The same with a traceback.
function M.traceback(raised)
    return debug_traceback(M.text(raised), 2)
end

return M
