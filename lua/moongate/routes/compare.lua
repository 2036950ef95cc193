--- compare: the first route answers; for a share of the reads the second is asked too, and both answers are compared.
-- Nobody waits for that. `stats comparisons` and `moongate ctl compare` show what differed. All that may change
-- something goes to the first route alone.
--
--     mg.compare { users, new_users }
--     mg.compare { users, new_users, share = 0.05, name = "users", again = 0.1, most = 1000 }
local abi = require "moongate.abi"
local policy = require "moongate.policy"
local routes = require "moongate.routes"

local C = abi.C

local known = {
    share = policy.share,                   -- of the reads
    name = policy.bytes(1, 64),             -- under which it is counted
    again = policy.number(0, 60, "seconds"), -- before a difference is looked at once more; 0: it counts at once
    most = policy.count(1, 1e6),            -- reads that may wait for a comparison; more are left out
}

--- @param spec table  the old route, the new one, and options
return function(spec)
    local children, options = policy.read("mg.compare", spec, known, 2, 2)
    local old, new = children[1], children[2]
    local name = options.name or ("%s->%s"):format(routes.word(old), routes.word(new)):sub(1, 90)
    local both = policy.route("compare", C.ROUTE_COMPARE, { old, new },
        { most_in_flight = options.most or 1000, seconds = options.again or 0.1 }, { { text = name } })
    return policy.route("compare", C.ROUTE_SHARE, { old, both },
        { share = options.share or 0.05, least = 0, most = 1, reads = 1 }, nil, { old, new })
end
