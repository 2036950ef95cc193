--- migrate: move from one route to another, key by key, in a window of time.
--
--     mg.migrate { users, new_users, start = 1767225600, interval = 3600 }
--     mg.migrate { users, new_users, start = 1767225600, interval = 3600, writes = "both" }
--
-- Each key has a moment of its own: start + its hash modulo twice the interval, in seconds since 1970. Before `start`
-- everything goes to the first route. Then a key goes to the first route until its moment, and to the second from then
-- on. From start + 2 interval on everything goes to the second. Between start and end deletes go to both, so that
-- nothing old comes back even when the clocks of proxies differ: an error of either is the answer, else a hit of one.
--
-- A cas belongs to the route where its key is. A delete that compares one (md with C) asks that route first, and the
-- other only after a hit, without the cas. In the last 10 seconds before a key's moment no usable cas is shown: so no
-- cas of the first route is compared in the second, unless a client holds it for longer.
--
-- With writes = "both" every write goes to both routes, from the time the script is loaded until the end of the
-- window: so what was copied to the second one beforehand stays right. The route where the key is carries it out; then
-- the other one gets what makes its item right, or a delete (moongate.mirror). Only if it takes neither the client gets
-- its error. A write that is under way at its key's moment ends as a delete in the second route, which may have newer
-- items from then on. Reads go to one route, as without it.
local async = require "moongate.async"
local mirror = require "moongate.mirror"
local policy = require "moongate.policy"

local time = os.time

local FADING = 10 -- seconds

local known = {
    start = policy.count(0, 2 ^ 40),        -- seconds since 1970
    interval = policy.count(1, 10 * 2 ^ 25), -- seconds
    writes = policy.one_of { one = "one", both = "both" },
}

local deletes = { delete = true, md = true }

--- @param spec table  the old and the new route; start and interval
return function(spec)
    local children, options = policy.read("mg.migrate", spec, known, 2, 2)
    policy.want("mg.migrate", options, "start")
    policy.want("mg.migrate", options, "interval")
    local from, to, start, window = children[1], children[2], options.start, 2 * options.interval

    local both = policy.waiting("migrate", children, function(req)
        local results = async.call_all(children, req)
        for i = 1, 2 do
            if results[i]:is_error() then return results[i] end
        end
        return results[1]:is_hit() and results[1] or results[2]
    end)

    local function is_from(req)
        local passed = time() - start
        return passed < 0 or passed < req:hash() % window
    end

    local judged = policy.waiting("migrate", children, function(req)
        local near, other = to, from
        if is_from(req) then near, other = from, to end
        local res = async.call(near, req)
        if res:is_hit() then
            req:clear_flag "C"
            local copy = async.call(other, req)
            if copy:is_error() then return copy end
        end
        return res
    end)

    local fading = policy.elsewhere("migrate", from, "the key moves")

    local function one(req, passed)
        if passed < -FADING then return from end
        if passed >= window then return to end
        if passed >= 0 and deletes[req.command] then return req:compares_cas() and judged or both end
        local left = req:hash() % window - passed
        if left <= 0 then return to end
        return left <= FADING and req:asks_cas() and not req:compares_cas() and fading or from
    end

    if options.writes ~= "both" then
        return policy.chooser("migrate", children, function(req) return one(req, time() - start) end)
    end

    local writes = {
        [from] = mirror.between("migrate", from, to, is_from).write_both,
        [to] = mirror.between("migrate", to, from).write_both,
        [fading] = mirror.between("migrate", fading, to, is_from).write_both,
    }

    return policy.chooser("migrate", children, function(req)
        local passed = time() - start
        if passed < window and deletes[req.command] then return req:compares_cas() and judged or both end
        local route = one(req, passed)
        return passed < window and mirror.is_write(req) and writes[route] or route
    end)
end
