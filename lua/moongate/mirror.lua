--- mirror: what a write to one route means for another one, so that the other never keeps an item that is older than
-- the first route's. It may lack an item. mg.migrate and mg.staging use it.
--
-- The first route carries out the write. What the other one gets then:
--
--     set, add, replace, cas, ms            a set of the same value, once the first has stored it
--     touch, gat, gats, mg with T           the new exptime
--     append, prepend, incr, decr, ma,      what the first has now, with its lifetime; or a delete (renew)
--     ms that appends or prepends
--     what the first answered with          the same: nothing has changed there, as for incr of what is no number, but
--     CLIENT_ERROR                          not all of its servers may have said so
--     what the first missed or refused      nothing
--     what the first failed to answer       a delete
--
-- Two writes of a key at once may reach the two routes in different orders. So what the other route gets is a copy as
-- in moongate.fill: if another write of the key began or ended meanwhile, it is taken out again, and the item is
-- renewed. So it is where the other lacked it. All of these may come twice, or after a newer renewal, and leave the
-- same: so what adds to an item is never sent to the other one. Writes through other hosts are not seen. Servers before
-- 1.6.10 cannot say how long an item lives: there a renewal is a delete.
--
-- Where both routes lead to the same server, that carries out the write and no more. Routes that are functions are
-- called once more to find that out.
local abi = require "moongate.abi"
local async = require "moongate.async"
local built = require "moongate.built"
local fill = require "moongate.fill"
local policy = require "moongate.policy"
local reply = require "moongate.reply"

local call, spawn, request = async.call, async.spawn, built.make
local format, is_plain = string.format, fill.is_plain

local M = {}

local TRIES = 4
local PAUSE = 0.01 -- seconds before the second try

--- Seconds that a copy lives less than the item, as servers' clocks tick in seconds.
M.LESS = 1

local stores = { set = true, add = true, replace = true, cas = true }
local touches = { touch = true, gat = true, gats = true }
local unsent = { down = true, busy = true } -- results of requests that no server got
local appends = { A = true, a = true, P = true, p = true }

--- The commands that change an item, or its exptime; mg does with T. Deletes are not among them.
M.writes = { append = true, prepend = true, incr = true, decr = true, ma = true, ms = true }
for _, list in ipairs { stores, touches } do
    for command in pairs(list) do M.writes[command] = true end
end

--- True when a request changes an item in any other way than by a delete.
function M.is_write(req)
    local command = req.command
    return M.writes[command] or command == "mg" and req:has_flag "T"
end

-- An ms for a route that holds copies; nil: that cannot be known. One with C and I may have left the item stale.
local function copy_of_ms(req)
    if appends[req:flag "M"] then return nil end
    if req:has_flag "C" and req:has_flag "I" then return fill.mark_after(req, fill.delete(req)) end
    req:clear_flag "M"
    req:clear_flag "C"
    req:clear_flag "E"
    return fill.mark_after(req)
end

-- What the other route gets once the first has carried out req; nil: the item is to be renewed.
local function copy_of(req)
    local command, key = req.command, req.key
    if stores[command] then
        return fill.mark_after(req, request.set(key, req.value, req.flags, req.exptime))
    elseif touches[command] or command == "mg" and is_plain(key) then
        return fill.mark_after(req, request.touch(key, req.exptime))
    elseif command == "mg" then
        return fill.mark_after(req, request.meta_get(key, format("b T%s", req:flag "T")))
    end
    return command == "ms" and copy_of_ms(req) or nil
end

-- True when the first route may have carried out a write, or not.
local function is_unknown(res)
    return res:is_error() and not unsent[res.kind]
end

-- True when a request was wrong for a server that got it.
local function is_wrong(res)
    return res.kind == "client_error"
end

-- A request that stores the value of a response, for any key.
local function set(key, res, exptime)
    if is_plain(key) then return request.set(key, res, res.flags, exptime) end
    return request.meta_set(key, res, ("b F%s T%.0f"):format(abi.digits(res.flags), exptime))
end

-- Makes a function by which another route gets what the first has, or nothing. It takes the function's own request.
-- After a delete the first route is looked at again: what it got meanwhile may have been deleted. holds: see M.between.
local function renewer(first, put, place, holds)
    -- Like a copy this delete is no write of its own: else two functions that forget would wait for each other.
    local function forget(req)
        return call(put, fill.mark_alone(req, fill.delete(req)))
    end

    return function(req)
        local key, is_gone = req.key, false
        for try = 1, TRIES do
            fill.begin(place)
            local res = fill.ask(first, request.meta_get(key, is_plain(key) and "v f t" or "b v f t"))
            local exptime = fill.may(res) and fill.exptime_of(res.ttl, M.LESS)
            if not holds(req) then return forget(req) end
            if not exptime then
                if is_gone then return res end
                local gone = forget(req)
                if gone:is_error() or res:is_error() then return gone end
            else
                local copy = call(put, fill.mark_alone(req, set(key, res, exptime)))
                if copy:is_hit() or copy:is_error() then return copy end
                if try < TRIES then async.sleep(PAUSE * 4 ^ (try - 1)) end
            end
            is_gone = not exptime
        end
        return forget(req)
    end
end

local function always()
    return true
end

--- Makes the routes that carry out writes, for a first route and another one.
-- @param name string    of the policy
-- @param first, other   routes
-- @param holds function?  takes a request: whether its key is in the first route still. Where it is not, the other one
-- may have newer items than the first: so it gets deletes alone
-- @return table  write: the client gets the first route's result, and waits for no more; write_both: it waits for the
-- other one too, and gets its error
function M.between(name, first, other, holds)
    holds = holds or always
    local put, place = fill.route(other, 1, true)
    local renew = renewer(first, put, place, holds)

    -- The other route gets what a write means for it: `copy`, or, where it is nil, what the first route has.
    local function follow(req, copy)
        local res = copy and holds(req) and call(put, copy)
        if res then fill.give_back(other, req.key, res) end
        if not res or copy.command ~= "delete" and (res:is_miss() or res:is_refused()) then return renew(req) end
        return res
    end

    local follows = policy.waiting(name, { other }, function(copy)
        follow(copy, copy)
        return reply.miss()
    end)

    local renews_it = policy.waiting(name, { first, other }, function(req)
        renew(req)
        return reply.miss()
    end)

    local routes = {}

    routes.write = policy.waiting(name, { first, other }, function(req)
        if fill.is_same_place(req, first, other) then return call(first, req) end
        fill.begin(place)
        local res = call(first, req)
        if res:is_hit() then
            local copy = copy_of(req)
            spawn(copy and follows or renews_it, copy or fill.mark(req, fill.get(req.key)))
        elseif is_wrong(res) then
            spawn(renews_it, fill.mark(req, fill.get(req.key)))
        elseif is_unknown(res) then
            spawn(put, fill.delete(req))
        end
        return res
    end)

    routes.write_both = policy.waiting(name, { first, other }, function(req)
        if fill.is_same_place(req, first, other) then return call(first, req) end
        fill.begin(place)
        local res = call(first, req)
        if res:is_hit() then
            local copy = follow(req, copy_of(req))
            if copy:is_error() then copy = call(put, fill.delete(req)) end
            if copy:is_error() then return copy end
        elseif is_wrong(res) then
            local copy = renew(req)
            if copy:is_error() then call(put, fill.delete(req)) end
        elseif is_unknown(res) then
            call(put, fill.delete(req))
        end
        return res
    end)

    return routes
end

return M
