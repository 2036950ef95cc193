--- all_fastest: ask all routes; the first result that is no error counts.
-- When there are only errors, the last one counts.
-- The first route compares a cas; after a hit the others get the request without it. For N of mg the first route makes
-- the item; the next one does after its error. With `hit` a miss goes on too, and the last route makes the item.
--
--     mg.all_fastest { east, west }
--     mg.all_fastest { east, west, hit = true }
local abi = require "moongate.abi"
local policy = require "moongate.policy"

local C = abi.C

local known = {
    hit = policy.flag,       -- true: the first hit counts; without a hit the best result
    within = policy.seconds, -- then the best result so far counts
}

--- @param spec table  1 to 64 routes
return function(spec)
    local children, options = policy.read("mg.all_fastest", spec, known, 1, 64)
    return policy.route("all_fastest", C.ROUTE_ALL, children,
        { wait = options.hit and C.WAIT_HIT or C.WAIT_FASTEST, within = options.within })
end
