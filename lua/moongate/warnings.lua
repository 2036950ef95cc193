--- warnings: what a script should change, though it works: shown by `moongate -t`, and logged once when it comes into use.
local abi = require "moongate.abi"
local where = require "moongate.where"

local M = {}

--- Adds one, with its place in the script.
function M.add(text)
    text = where.place() .. ": " .. text
    abi.C.mg_warn(abi.script, text, #text)
end

return M
