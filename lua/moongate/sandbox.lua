--- sandbox: the globals of a user's script: no files, no processes, no bytecode, no access to other scripts' memory.
-- With --unsafe-lua a script has all of Lua's. In both cases to use a global that nobody has defined is an error.
local M = {}

local abi = require "moongate.abi"
local bounds = require "moongate.bounds"
local files = require "moongate.files"
local interrupt = require "moongate.interrupt"
local readonly = require "moongate.readonly"
local where = require "moongate.where"

local debug_traceback = debug.traceback
local load, loadfile, loadstring, require, setfenv = load, loadfile, loadstring, require, setfenv
local coroutine_running = coroutine.running
local is_deep = require "moongate.depth"

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

local function names_of(of)
    local names = {}
    for name in pairs(of) do names[name] = true end
    return names
end

-- The names that Lua has, by their table. A script that uses one which it may not have gets the error of deny.
local lua = { _G = names_of(_G), os = names_of(os), string = names_of(string), require = {} }
for _, of in ipairs { package.loaded, package.preload } do
    for name in pairs(of) do lua.require[name] = not name:find "^moongate" or nil end
end

local instead = { ["os.getenv"] = "in a script mg.env \"NAME\" reads a variable; or " }

local function deny(what)
    where.fail(("%s is not for scripts: %sstart moongate with --unsafe-lua to have all of Lua"):format(what,
        instead[what] or ""))
end

-- Makes a library raise an error for names of Lua that are not in it, also for ("").dump.
local function deny_in(library, name)
    return setmetatable(library, {
        __metatable = name,
        __index = function(_, key)
            if lua[name][key] then deny(name .. "." .. key) end
        end,
    })
end

local function no_global(_, name)
    where.fail(("global '%s' is not defined"):format(tostring(name)))
end

local function no_new_global(_, name)
    where.fail(("global '%s' is not defined: write `local %s`"):format(tostring(name), tostring(name)))
end

local strict = {
    __metatable = "globals",
    __index = function(_, name)
        if lua._G[name] then deny(name) end
        no_global(_, name)
    end,
    __newindex = no_new_global,
}

-- Compiles text only: bytecode could corrupt memory.
local function compile(text, name, env)
    if text:sub(1, 1) == "\27" then
        return nil, name:gsub("^[@=]", "") .. ": bytecode is not loaded: give Lua source"
    end
    local chunk, wrong = loadstring(text, name)
    if not chunk then return nil, wrong end
    where.note_script(name)
    return interrupt.wrap(setfenv(chunk, env), text, name, env)
end

--- Loads text that is not from a file, under the given name.
M.load_chunk = compile

--- Loads the text of the file at `path` as a function without arguments, with the globals `env`. Returns nil and a
-- message when it cannot.
function M.load_text(text, path, env)
    return compile(text, "@" .. path, env)
end

--- Loads the file at `path` likewise.
function M.load_file(path, env)
    local text, wrong = files.read(path)
    if not text then return nil, wrong end
    return M.load_text(text, path, env)
end

-- Loads a module that is not beside the script.
local function require_elsewhere(name, is_unsafe, wrong)
    if is_unsafe then
        local good, result = pcall(require, name)
        if not good then where.fail(M.text(result)) end
        return result
    end
    if lua.require[name] then deny(("module '%s'"):format(name)) end
    where.fail(("module '%s' does not load: %s; without --unsafe-lua there are only files beside the script"):format(
        name, wrong))
end

-- Makes `require`: it returns a loaded module, or loads a file beside the script, once.
local function make_require(dir, env, loaded, is_unsafe)
    local function find(name)
        local is_plain = name:find "^[%w_-][%w_.-]*$" and not name:find("..", 1, true)
        if not is_plain then
            if is_unsafe then return require_elsewhere(name, true) end
            where.fail(("module '%s': a name is letters, digits, _, - and dots between them"):format(name))
        end
        local path = dir .. name:gsub("%.", "/") .. ".lua"
        local text, wrong = files.read(path)
        if not text then return require_elsewhere(name, is_unsafe, wrong) end
        local chunk
        chunk, wrong = M.load_text(text, path, env)
        if not chunk then where.fail(("module '%s' does not load: %s"):format(name, wrong)) end
        return chunk()
    end
    local loading = {}
    return function(name)
        if type(name) ~= "string" then where.fail("require takes a string, not a " .. type(name)) end
        if loaded[name] ~= nil then return loaded[name] end
        if loading[name] then where.fail(("module '%s' requires itself, perhaps through others"):format(name)) end
        loading[name] = true
        local good, result = pcall(find, name)
        loading[name] = nil
        if not good then error(result, 0) end
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

-- The C stack for functions that call back is divided: room for 120 calls of gsub, some hundreds of the others.
local GSUB, OTHERS = 1, 8

local function check_depth(parts)
    if is_deep(parts) then
        where.fail "stack overflow: string.gsub, table.sort and coroutines call functions that call them, too deeply"
    end
end

local is_confined

-- Replaces functions in C that call back by ones with a limit: each call takes C stack, which Lua does not count. The
-- replacements are in the state's own tables, so that ("x"):gsub is one of them.
local function confine_callers()
    if is_confined then return end
    is_confined = true
    local gsub, sort, resume, wrap = string.gsub, table.sort, coroutine.resume, coroutine.wrap
    function string.gsub(text, pattern, by, most)
        if type(by) ~= "string" then check_depth(GSUB) end
        return gsub(text, pattern, by, most)
    end
    function table.sort(list, less)
        check_depth(OTHERS)
        return sort(list, less)
    end
    function coroutine.resume(thread, ...)
        check_depth(OTHERS)
        return resume(thread, ...)
    end
    function coroutine.wrap(f)
        local go = wrap(f)
        return function(...)
            check_depth(OTHERS)
            return go(...)
        end
    end
end

-- string.dump makes bytecode; the metatable of strings is one for all scripts and for moongate itself.
local function confine_strings()
    if not rawget(string, "dump") then return end
    string.dump = nil
    bounds.set(string, string.gsub)
    deny_in(string, "string")
    getmetatable("").__metatable = "string"
end

-- Hides the coroutine of a function given to mg.async: a script that had it could resume it in moongate's place.
local function running_coroutine()
    local is_moongates = abi.waiting and abi.waiting.current()
    return not is_moongates and coroutine_running() or nil
end

local function fill_safe(env)
    confine_strings()
    for _, name in ipairs(allowed) do env[name] = _G[name] end
    for _, name in ipairs(libraries) do env[name] = copy(_G[name]) end
    env.coroutine.running = running_coroutine
    deny_in(env.string, "string")
    env.os = deny_in(copy(os, os_functions), "os")
    env._VERSION = _VERSION
    env.load = make_load(env)
    env.loadstring = env.load
    return strict
end

-- What Lua's load reads: a function that returns all of it afterwards, and what to give to load instead.
local function pieces(source)
    if type(source) ~= "function" then return function() return source end, source end
    local read = {}
    return function() return table.concat(read) end, function()
        local piece = source()
        if type(piece) == "string" then read[#read + 1] = piece end
        return piece
    end
end

-- All of Lua. Loaded code gets the script's globals, not moongate's own.
local function fill_unsafe(env)
    for name, value in pairs(_G) do env[name] = value end
    function env.load(chunk, name, mode, own)
        own = own or env
        if type(chunk) == "function" then check_depth(OTHERS) end
        local text, source = pieces(chunk)
        local made, wrong = load(source, name, mode, own)
        if not made then return nil, wrong end
        return interrupt.wrap_any(made, text(), own)
    end
    function env.loadfile(path, mode, own)
        if type(path) ~= "string" then return loadfile(path, mode, own or env) end
        return interrupt.load_file(path, mode, own or env)
    end
    env.loadstring = env.load
    interrupt.wrap_loader()
    function env.dofile(path)
        local chunk, wrong = env.loadfile(path)
        if not chunk then where.fail(wrong) end
        return chunk()
    end
    return { __index = no_global, __newindex = no_new_global }
end

--- The globals of one script.
-- @param dir string       the folder where `require` looks, with a slash at its end
-- @param print function   called with the line that print makes
-- @param loaded table     modules that are loaded already, by name
-- @param is_unsafe boolean  --unsafe-lua
function M.globals(dir, print, loaded, is_unsafe)
    local env = {}
    confine_callers()
    local metatable = (is_unsafe and fill_unsafe or fill_safe)(env)
    env._G = env
    env.pairs = readonly.pairs
    env.require = make_require(dir, env, loaded, is_unsafe)
    env.print = function(...)
        local words = {}
        for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
        print(table.concat(words, "\t"))
    end
    return setmetatable(env, metatable)
end

--- The text of any value that a script raised. Never raises an error itself.
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
