--- warnings: what a script should change, though it works. `moongate -t` shows them, and the log does when the script
-- comes into use.
local abi = require "moongate.abi"
local where = require "moongate.where"

local M = {}

--- Adds one, with its place in the script.
function M.add(text)
    text = where.place() .. ": " .. text
    abi.C.mg_warn(abi.script, text, #text)
end

return M
