--- where: finds the place in a user's script that a message is about, also after a tail call.
local M = {}

local getinfo, sethook = debug.getinfo, debug.sethook

-- Sources of the scripts loaded, as debug.getinfo names them.
local scripts = {}
-- The last place seen while a script loads; while it routes, where its function begins.
local last

--- Notes that the chunks of that source are the user's.
function M.note_script(source)
    scripts[source] = true
end

--- True for such a source.
function M.is_script(source)
    return scripts[source] == true
end

--- Runs a script's chunk and notes each line. Returns as pcall does.
function M.follow(chunk)
    sethook(function(_, line)
        local info = getinfo(2, "S")
        if scripts[info.source] then last = info.short_src .. ":" .. line end
    end, "l")
    local good, result = pcall(chunk)
    sethook()
    return good, result
end

--- Where that function begins: "script.lua:5".
function M.beginning(f)
    local info = getinfo(f, "S")
    return ("%s:%d"):format(info.short_src, info.linedefined)
end

--- Sets the function that routes now: its beginning is named when no better place is known.
function M.set_function(f)
    last = M.beginning(f)
end

local function position()
    for level = 3, 40 do
        local info = getinfo(level, "Sl")
        if not info then break end
        if scripts[info.source] then return info.short_src .. ":" .. info.currentline end
    end
    return last or "?"
end

--- The place that a message is about: "script.lua:5".
function M.place() return position() end

--- Raises `message` with the place in the script in front.
function M.fail(message)
    error(position() .. ": " .. message, 0)
end

return M
