--- fill: puts a value that one route had into another, where it shall not live longer than it does in the first.
-- What warm_up, staging and l1_l2 have in common.
local abi = require "moongate.abi"
local async = require "moongate.async"
local built = require "moongate.built"
local reply = require "moongate.reply"

local C, script = abi.C, abi.script
local request, call = built.make, async.call
local time = os.time

local M = {}

local LONGEST = 30 * 24 * 3600 -- seconds from which on memcached takes an exptime for a date

--- Reader of the option `exptime`: seconds, or "same": as long as in the route that had it.
function M.exptime(value)
    if value == "same" then return value end
    if type(value) == "number" and value >= 0 and value < 2 ^ 31 and value % 1 == 0 then return value end
    return nil, "takes whole seconds from 0, or \"same\", not " .. tostring(value)
end

--- True for a key that needs no base64.
local function is_plain(key)
    return C.mg_key_is_valid(script, key, #key)
end

M.is_plain = is_plain

-- Seconds to live as an exptime; nil: it is as good as gone.
local function exptime_of(ttl)
    if ttl == -1 then return 0 end
    if not ttl or ttl < 1 then return nil end
    return ttl <= LONGEST and ttl or time() + ttl
end

--- An exptime by which a key lives so many seconds at most. One that is over already stays what it is.
function M.at_most(exptime, seconds)
    if exptime == 0 then return seconds end
    local left = exptime > LONGEST and exptime - time() or exptime
    return left <= seconds and exptime or seconds
end

--- A request that adds the value of a response; keys that only base64 can carry go as base64.
function M.add(key, res, exptime)
    if is_plain(key) then return request.add(key, res, res.flags, exptime) end
    return request.meta_set(key, res, ("b ME F%s T%.0f"):format(abi.digits(res.flags), exptime))
end

--- A request for a value and its flags, for any key.
function M.get(key)
    if is_plain(key) then return request.get(key) end
    return request.meta_get(key, "b v f")
end

-- How long what `source` has under a key lives on, as an exptime; nil when it does not.
local function remaining(source, key)
    local res = call(source, request.meta_get(key, is_plain(key) and "t" or "b t"))
    return res:is_hit() and exptime_of(res.ttl) or nil
end

--- How to put values of `source` into `target`.
-- @param target, source  routes
-- @param exptime         as the reader gave it
-- @param missing boolean  ask the target first, and fill it only where that misses
-- @return table  later(key, res): in the background; now(key, res): waits
function M.into(target, source, exptime, missing)
    local same = exptime == "same"

    -- Sends `add`, which a function waits for, or which is its own.
    local function send(add, key)
        if missing and not call(target, M.get(key)):is_miss() then return end
        if same then
            local left = remaining(source, key)
            if not left then return end
            if add.command == "ms" then add:set_flag("T", left) else add.exptime = left end
        end
        return call(target, add)
    end

    local behind = async.async(function(add)
        return send(add, add.key) or reply.miss()
    end)

    local filler = {}

    function filler.now(key, res)
        send(M.add(key, res, same and 0 or exptime), key)
    end

    function filler.later(key, res)
        async.spawn((same or missing) and behind or target, M.add(key, res, same and 0 or exptime))
    end

    return filler
end

return M
