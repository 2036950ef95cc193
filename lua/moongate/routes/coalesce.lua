--- coalesce: equal gets that are in flight share one call.
-- For keys that many clients ask for at once. A get that comes after a write of its key never shares a call from before
-- the write. gets share a cas, which is the same for all who ask.
--
--     mg.coalesce { users }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

--- @param spec table  a route
return function(spec)
    local children = policy.read("mg.coalesce", spec, {}, 1, 1)
    return policy.route("coalesce", C.ROUTE_COALESCE, children, {})
end
