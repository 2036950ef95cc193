--- fill: puts a value that was read from one route into another, where it must not live longer than in the first.
-- warm_up, staging, l1_l2 and moongate.mirror use it. When the key is written meanwhile, the value is not put there, or
-- is taken back (src/base/writes.c says why).
local abi = require "moongate.abi"
local async = require "moongate.async"
local built = require "moongate.built"
local kept = require "moongate.kept"
local policy = require "moongate.policy"
local reply = require "moongate.reply"
local routes = require "moongate.routes"

local C, script = abi.C, abi.script
local request, call = built.make, async.call
local time = os.time

local M = {}

local LONGEST = 30 * 24 * 3600 -- seconds: memcached takes a larger exptime for a date
local OLDEST = 60              -- seconds for which a copy counts as possibly old, at most
local MARGIN = 2               -- seconds that a copy lives less: one for the servers' clocks, one for its way
local WAY_MOST = 0.5           -- seconds that may pass between asking for the time to live and sending the copy

--- Reads the option `exptime`: seconds, or "same": as long as in the route where the value was.
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

--- A time to live as an exptime by which a copy lives so many seconds less; nil when the item is about to expire.
function M.exptime_of(ttl, less)
    if ttl == -1 then return 0 end
    if not ttl or ttl <= less then return nil end
    ttl = ttl - less
    return ttl <= LONGEST and ttl or time() + ttl
end

--- An exptime by which a key lives so many seconds at most. One that is already over stays as it is.
function M.at_most(exptime, seconds)
    if exptime == 0 then return seconds end
    local left = exptime > LONGEST and exptime - time() or exptime
    return left <= seconds and exptime or seconds
end

--- A request that adds the value of a response. A key that needs base64 goes as base64.
function M.add(key, res, exptime)
    if is_plain(key) then return request.add(key, res, res.flags, exptime) end
    return request.meta_set(key, res, ("b ME F%s T%.0f"):format(abi.digits(res.flags), exptime))
end

--- A request for a value and its flags, for any key.
function M.get(key)
    if is_plain(key) then return request.get(key) end
    return request.meta_get(key, "b v f")
end

--- True when the value of a response may be put elsewhere: it is not empty (as an item that N of mg has made), not
-- stale and not being renewed.
function M.may(res)
    return res:is_hit() and res.size ~= 0 and not (res:has_flag "W" or res:has_flag "X" or res:has_flag "Z")
end

--- Gives back the right to renew an item that an answer to mg has won, when no client sees that answer.
function M.give_back(route, key, res)
    if res:has_flag "W" then async.spawn(route, request.meta_delete(key, is_plain(key) and "I" or "b I")) end
end

--- Sends a request that reads, and leaves the item as it was.
function M.ask(route, req)
    local res = call(route, req)
    M.give_back(route, req.key, res)
    return res
end

--- Asks a route for a value and its flags, for any key.
function M.look(route, key)
    return M.ask(route, M.get(key))
end

--- A delete, for any key. In a function whose request is itself a copy, it does not count as a write.
function M.delete(req)
    local key = req.key
    local made = is_plain(key) and request.delete(key) or request.meta_delete(key, "b")
    local at, serial = kept.handle(req)
    C.mg_fill_inherit(script, at, serial, built.pointer(made))
    return made
end

--- begin(place): the running function begins to read its request's key. The value may be put elsewhere later, or may be
-- a copy itself. `place` is what M.route returns.
M.begin = abi.waiting.fill_begin

--- is_doubtful(): true when a hit since then may be an old copy, which is about to be taken back.
M.is_doubtful = abi.waiting.fill_is_doubtful

local function mark(req, put, from)
    local at, serial = kept.handle(req)
    C.mg_fill_mark(script, at, serial, put and built.pointer(put), from)
    return put or req
end

--- Marks a request (`put`) as a copy of what was read since M.begin; the function's own request is req.
function M.mark(req, put) return mark(req, put, C.MG_FILL_READ) end

--- The same where what other functions are about to write does not count, as they put their copies there afterwards.
function M.mark_alone(req, put) return mark(req, put, C.MG_FILL_READ_AMONG_PLANS) end

--- Marks `put`, or without it req itself, as a copy of what req, a write, has made elsewhere since M.begin.
function M.mark_after(req, put) return mark(req, put, C.MG_FILL_WROTE) end

-- The route that a set of req's key goes through, and that set; nil: no route.
local function to_set(route, req)
    local key = req.key
    local set = is_plain(key) and request.set(key, "", 0, 0) or request.meta_set(key, "", "b")
    return routes.number_of(async.follow(route, set)), set
end

--- True when a set of the request's key goes through both routes to the same server. Pools are compared, behind
-- policies that choose one; behind other policies two servers count as different.
function M.is_same_place(req, route, other)
    local at, serial = kept.handle(req)
    local one, set = to_set(route, req)
    local two, as = to_set(other, req)
    return one and two
        and C.mg_fill_is_same_place(script, at, serial, one, built.pointer(set), two, built.pointer(as))
end

--- The route through which copies go into `target`, and a number for the place.
-- @param life number   seconds that an old copy may live there
-- @param near boolean  its items may be deleted: they are cached from elsewhere
function M.route(target, life, near)
    local name = routes.name(target)
    local place = C.mg_hash_text(name, #name) % 2 ^ 31
    local fields = { near = near and 1 or 0, place = place, seconds = life }
    return policy.route("fill", C.ROUTE_FILL, { target }, fields), place
end

-- The remaining time to live of a key in `source`, as an exptime; nil when it has expired.
local function remaining(source, key, less)
    local asked = C.mg_now(script)
    local res = M.ask(source, request.meta_get(key, is_plain(key) and "t" or "b t"))
    if C.mg_now(script) - asked > WAY_MOST then return nil end
    return M.may(res) and M.exptime_of(res.ttl, less) or nil
end

--- Seconds that an old copy may live, for an exptime as M.exptime returns it.
function M.life(exptime)
    return type(exptime) == "number" and exptime > 0 and exptime <= OLDEST and exptime or OLDEST
end

--- Makes functions that put values of `source` into `target`.
-- @param target, source  routes
-- @param exptime         as M.exptime returns it
-- @param missing boolean ask the target first, and fill it only after a miss
-- @param put             the route into the target, as M.route returns it
-- @param less number     seconds that a copy lives less with exptime "same"; nil: two
-- @return table  later(req, res): in the background; now(req, res): waits. Both after M.begin
function M.into(target, source, exptime, missing, put, less)
    local same = exptime == "same"

    -- Sends `add`. Runs in a function that waits.
    local function send(add, key)
        if missing and not M.look(target, key):is_miss() then return end
        if same then
            local left = remaining(source, key, less or MARGIN)
            if not left then return end
            if add.command == "ms" then add:set_flag("T", left) else add.exptime = left end
        end
        return call(put, add)
    end

    local behind = async.async(function(add)
        return send(add, add.key) or reply.miss()
    end)

    local filler = {}

    local function make(req, res)
        return M.mark(req, M.add(req.key, res, same and 0 or exptime))
    end

    function filler.now(req, res)
        send(make(req, res), req.key)
    end

    function filler.later(req, res)
        async.spawn((same or missing) and behind or put, make(req, res))
    end

    return filler
end

return M
