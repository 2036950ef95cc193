--- interrupt: gives scripts the checks that can interrupt them (--script-timeout). moongate's own modules get none,
-- nor do the files that `moongate test` runs.
local M = {}

local files = require "moongate.files"

local has_limit = package.preload["moongate.budget"] ~= nil
local budget = has_limit and require "moongate.budget"

local getinfo, getupvalue, setupvalue = debug.getinfo, debug.getupvalue, debug.setupvalue
local setfenv, loadstring = setfenv, loadstring
local unpack, load = unpack, load

-- Functions of one file that may lack checks: each has 59 or 60 variables of others, and gets no more.
local SPARED = 64

--- What the checks count down, and where that begins. Nothing in a state without a limit.
M.cell = has_limit and require "moongate.abi".cell(budget.cell)
M.first = has_limit and budget.first

local is_wrapped

-- Says for a source what of it cannot be interrupted.
local function complain(name, what)
    name = name:gsub("^[@=]", "")
    require "moongate.log".warn(("%s: %s cannot be interrupted (--script-timeout)"):format(name, what))
end

--- Returns a function that does as `chunk` does, with checks; or `chunk`, when it needs none or can have none.
-- @param chunk function  of `text`
-- @param text string     Lua source that compiles
-- @param name string     as loadstring takes it
-- @param env table       its globals
function M.wrap(chunk, text, name, env)
    if not has_limit then return chunk end
    local spared = {}
    while true do
        local new = budget.rewrite(text, unpack(spared))
        if new == nil then break end
        local maker, wrong
        if new then maker, wrong = loadstring(new, name) end
        if maker then
            chunk = setfenv(maker, env)(M.cell, budget.halt)
            break
        end
        local line = new and tonumber(wrong:match "function at line (%d+) has more than %d+ upvalues")
        if not line or #spared == SPARED then
            complain(name, "this source")
            return chunk
        end
        spared[#spared + 1] = line
    end
    for _, line in ipairs(spared) do complain(name, ("the function at line %d"):format(line)) end
    return chunk
end

-- Sets the two variables that a function's checks use, by the names that C gave them (budget.c). True: it has them.
local function give_checks(f)
    local has_checks
    for at = 1, 60 do
        local name = getupvalue(f, at)
        if not name then break end
        local value = name:find "^checks_left%d*$" and M.cell or name:find "^check_time%d*$" and budget.halt
        if value then has_checks = setupvalue(f, at, value) end
    end
    return has_checks
end

-- Bytecode of a function with checks has them, but not what they use. So its names stay.
local function keep_names()
    local dump = string.dump
    function string.dump(f, strip)
        return dump(f, strip and not (type(f) == "function" and getinfo(f, "S").what ~= "C" and give_checks(f)))
    end
end

--- The same for a chunk that Lua itself has loaded from `text`, be that source, bytecode or a number.
function M.wrap_any(chunk, text, env)
    text = tostring(text)
    if text:sub(1, 1) == "\27" then
        if has_limit then give_checks(chunk) end
        return chunk
    end
    return M.wrap(chunk, text, getinfo(chunk, "S").source, env)
end

--- Loads a file as Lua does, with checks.
function M.load_file(path, mode, env)
    local text, wrong = files.read(path)
    if not text then return nil, "cannot open " .. wrong end
    local chunk
    chunk, wrong = load(text, "@" .. path, mode, env)
    if not chunk then return nil, wrong end
    return M.wrap_any(chunk, text, env)
end

-- Where `require` finds a module in a file: its path, or nil and the list of those that are not there.
local function find_module(name)
    local tried = {}
    for template in package.path:gmatch "[^;]+" do
        local path = template:gsub("%?", (name:gsub("%.", "/")))
        if files.read(path) then return path end
        tried[#tried + 1] = ("\n\tno file '%s'"):format(path)
    end
    return nil, table.concat(tried)
end

--- For --unsafe-lua: `require` does that to the modules that it finds in files, but for moongate's own (--lua-dir).
function M.wrap_loader()
    if is_wrapped then return end
    is_wrapped = true
    if has_limit then keep_names() end
    local find_own = package.loaders[2]
    package.loaders[2] = function(name)
        if name:find "^moongate" then return find_own(name) end
        local path, missing = find_module(name)
        if not path then return missing end
        local chunk, wrong = M.load_file(path, nil, _G)
        if not chunk then error(("error loading module '%s' from file '%s':\n\t%s"):format(name, path, wrong), 0) end
        return chunk
    end
end

return M
