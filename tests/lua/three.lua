--- three: a script over three pools of one server each, for tests of policies; and what its servers were sent.
local t = require "moongate.test"

local M = {}

local names = { a = "10.0.0.1:11211", b = "10.0.0.2:11211", c = "10.0.0.3:11211" }
local letters = {}
for letter, name in pairs(names) do letters[name] = letter end

local SCRIPT = [[
    local mg = require "moongate"
    local a = mg.pool { "10.0.0.1:11211", name = "a", timeout = 0.2 }
    local b = mg.pool { "10.0.0.2:11211", name = "b", timeout = 0.3 }
    local c = mg.pool { "10.0.0.3:11211", name = "c", timeout = 0.4 }
    return ]]

--- Loads a script that returns that route: an expression of mg and the pools a, b, c (whose timeouts are 0.2, 0.3 and
-- 0.4 s).
-- @return app, and the servers of a, b and c
function M.over(route)
    local app = t.load_text(SCRIPT .. route)
    return app, app:server(names.a), app:server(names.b), app:server(names.c)
end

--- What servers were sent since this was last asked, in its order: "a get k" each; of storage commands the line alone.
function M.sent(app)
    local list = {}
    for i, entry in ipairs(app.sent) do list[i] = letters[entry.server] .. " " .. entry.line end
    app:forget()
    return list
end

--- The letters of the servers that were sent something since this was last asked: "aab".
function M.who(app)
    local list = {}
    for i, line in ipairs(M.sent(app)) do list[i] = line:sub(1, 1) end
    return table.concat(list)
end

--- The same, sorted: for requests that are sent at once.
function M.whom(app)
    local list = {}
    for letter in M.who(app):gmatch "." do list[#list + 1] = letter end
    table.sort(list)
    return table.concat(list)
end

return M
