--- log: lets scripts write to the daemon's log, at most ten lines a second of each level.
--
--     mg.log "loaded"
--     mg.log.warn("no such user: " .. req.key)
local abi = require "moongate.abi"
local readonly = require "moongate.readonly"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local function writer(name)
    local level = C.mg_find(C.MG_LEVEL, name, #name)
    return function(text)
        if type(text) == "number" then text = tostring(text) end
        if type(text) ~= "string" then where.fail(("mg.log takes a string, not a %s"):format(type(text))) end
        C.mg_log(script, level, text, #text)
    end
end

local info = writer "info"

return readonly.of("mg.log", {
    debug = writer "debug",
    info = info,
    warn = writer "warn",
    error = writer "error",
}, {
    __call = function(_, text) info(text) end,
})
