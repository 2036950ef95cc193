--- all_fastest: ask all routes; the first result that is no error counts.
-- Of only errors the last counts.
-- A cas is the first route's: it compares it, and after a hit the others get the same without it. What N of mg asks for
-- is made by the first; after its error, or with `hit` a miss, by the next, with `hit` by the last.
--
--     mg.all_fastest { east, west }
--     mg.all_fastest { east, west, hit = true }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    hit = policy.flag, -- true: the first hit; where there is none, the best result
}

--- @param spec table  1 to 64 routes
return function(spec)
    local children, options = policy.read("mg.all_fastest", spec, known, 1, 64)
    return policy.route("all_fastest", C.ROUTE_ALL, children, { wait = options.hit and C.WAIT_HIT or C.WAIT_FASTEST })
end
