--- all_fastest: ask all routes; the first result that is no error counts.
-- Of only errors the last counts.
--
--     mg.all_fastest { east, west }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

--- @param spec table  1 to 64 routes
return function(spec)
    local children = policy.read("mg.all_fastest", spec, {}, 1, 64)
    return policy.route("all_fastest", C.ROUTE_ALL, children, { wait = C.WAIT_FASTEST })
end
