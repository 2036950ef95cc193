--- loading: scripts make things only while they load, so that a check finds every mistake.
local abi = require "moongate.abi"
local where = require "moongate.where"

local M = {}

--- True until the script has returned its route.
function M.is_on()
    return abi.C.mg_is_loading(abi.script)
end

--- Raises an error once the script has returned its route.
-- @param what string  "mg.counter"
function M.expect(what)
    if M.is_on() then return end
    where.fail(what .. " can only be called while the script loads: call it outside of functions that run later")
end

return M
