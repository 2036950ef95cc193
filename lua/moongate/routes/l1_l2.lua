--- l1_l2: a small near cache (L1) before a large one (L2).
--
--     mg.l1_l2 { near, far, exptime = 60 }
--     mg.l1_l2 { near, far, exptime = 60, negative = 5 }
--
-- get: L1; on a miss L2, whose value is added to L1 in the background. With `negative` a miss of L2 leaves an entry in
-- L1 that reads as a miss for so many seconds. set: L2, then L1. Other writes, also gat and gats: L2, and L1 forgets
-- the key. Reads that L1 cannot answer go to L2 alone: gets, me, and mg unless it has v and f and no other flags than
-- k, O, b, q, s. So every cas is L2's. Items that mg makes (N), that are stale (md with I) or being renewed are so in
-- L2; their values are not added to L1. A key that is written while it is read is not added to L1 (see moongate.fill).
-- When another write comes between, a set takes the key out of L1 again.
local abi = require "moongate.abi"
local async = require "moongate.async"
local built = require "moongate.built"
local fill = require "moongate.fill"
local policy = require "moongate.policy"

local C = abi.C
local GET, SET = C.mg_find_command("get", 3), C.mg_find_command("set", 3)

local call, call_all, spawn, request = async.call, async.call_all, async.spawn, built.make
local begin = fill.begin

local NOTHING, NOTHING_FLAGS = "moongate: nothing here", 0x6d6e6f74 -- a negative entry

local known = {
    exptime = fill.exptime,            -- in L1: seconds, or "same" (as in L2; the default; needs memcached 1.6.10)
    negative = policy.count(1, 86400), -- seconds
}

local only_l2 = { gets = true, me = true }

-- True for an mg that asks for no more than L1 knows.
local function is_plain(req)
    return req:has_only_flags "vfkObqs" and req:has_flag "v" and req:has_flag "f"
end

--- @param spec table  L1 and L2, and options
return function(spec)
    local children, options = policy.read("mg.l1_l2", spec, known, 2, 2)
    local l1, l2 = children[1], children[2]
    local exptime = options.exptime or "same"
    local put, place = fill.route(l1, fill.life(exptime), true)
    local filler = fill.into(l1, l2, exptime, false, put)

    -- L2's value, which is added to L1.
    local function look_beyond(req)
        begin(place)
        local res = call(l2, req)
        if fill.may(res) then
            filler.later(req, res)
        elseif res:is_miss() and options.negative and req.command == "get" then
            spawn(put, fill.mark(req, request.add(req.key, NOTHING, NOTHING_FLAGS, options.negative)))
        end
        return res
    end

    -- A hit of L1 needs no function. Where it may be an old copy L2 decides, and a wrong value is deleted.
    local nothing = options.negative and { { text = NOTHING, number = NOTHING_FLAGS } } or nil
    local read = policy.route("l1_l2", C.ROUTE_LEVELS, { l1, policy.waiting("l1_l2", children, look_beyond), l2, put },
        { place = place }, nothing, children)

    local capped = exptime ~= "same" and exptime > 0
    local copy = capped and policy.route("l1_l2", C.ROUTE_EXPTIME, { put }, { seconds = exptime, cap = 1 }) or put
    local set = policy.route("l1_l2", C.ROUTE_THROUGH, { l2, copy, put }, {}, nil, children)

    local change = policy.waiting("l1_l2", children, function(req)
        local res = call(l2, req)
        call(put, fill.delete(req))
        return res
    end)

    local remove = policy.waiting("l1_l2", children, function(req)
        local both = call_all({ l2, l1 }, req)
        return both[2]:is_error() and both[2] or both[1]
    end)

    local others = policy.chooser("l1_l2", children, function(req)
        local command = req.command
        if command == "mg" then
            if is_plain(req) then return read end
            return req:has_flag "T" and change or l2
        end
        if only_l2[command] then return l2 end
        if command == "md" then return req:has_only_flags "bkOq" and remove or change end
        return command == "delete" and remove or change
    end)

    return policy.route("l1_l2", C.ROUTE_COMMAND, { others, read, set }, {},
        { { command = GET, child = 1 }, { command = SET, child = 2 } }, children)
end
