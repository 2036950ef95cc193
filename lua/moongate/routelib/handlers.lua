--- handlers: route_direct, route_allsync and the others: what each is in a moongate script.
--
-- A handler gets its arguments and a context (context.lua), and returns a node (text.lua).
local children = require "moongate.routelib.children"
local failovers = require "moongate.routelib.failovers"
local text = require "moongate.routelib.text"

local M = {}

local STORES = { set = true, add = true, cas = true, ms = true }
local MOST_TTL = 60 * 60 * 24 * 30

local known = { failover = failovers.failover, zfailover = failovers.zfailover }
M.known = known

function known.direct(args, ctx)
    ctx:check(args, { "child" })
    return children.one(args.child, ctx, "child")
end

function known.null(args, ctx)
    ctx:check(args, {})
    return "mg.null()"
end

function known.random(args, ctx)
    ctx:check(args, { "children" })
    return ctx.one_of(children.list(args.children, ctx, "children", 1000), "mg.random")
end

-- Both get it, the client waits for the first.
function known.split(args, ctx)
    ctx:check(args, { "child_a", "child_b" })
    local a, b = children.one(args.child_a, ctx, "child_a"), children.one(args.child_b, ctx, "child_b")
    return text.call("mg.all_initial", { a, b })
end

function known.allasync(args, ctx)
    ctx:check(args, { "children" })
    return text.call("mg.all_async", children.list(args.children, ctx, "children", 64))
end

-- The first error in their order; without an error the last result.
function known.allsync(args, ctx)
    ctx:check(args, { "children" })
    local list = children.list(args.children, ctx, "children", 64)
    return ctx.one_of(list, "mg.all_sync", { { "result", text.quote "last" } })
end

-- With `miss` the first hit, else the first that is no error.
function known.allfastest(args, ctx)
    ctx:check(args, { "children", "miss", "wait" })
    local wait = ctx:wait(args)
    local function make(can_miss, of)
        local list = children.list(args.children, of, "children", 64)
        if #list == 1 and not wait then return list[1] end
        return text.call("mg.all_fastest", list, { { "hit", can_miss and "true" or nil }, { "within", wait } })
    end
    return args.miss and ctx:by_miss(make) or make(false, ctx)
end

function known.ttl(args, ctx)
    ctx:check(args, { "ttl", "child" })
    local ttl = ctx:number(args, "ttl", 0, MOST_TTL)
    if not ttl then ctx:fail("route_ttl", "wants 'ttl', in seconds") end
    ttl = text.number(math.floor(ttl))
    if ctx.command and not STORES[ctx.command] then
        ctx:fail("route_ttl", "takes set, add, cas and ms, not %s", ctx.command)
    end
    local child = children.one(args.child, ctx:with { can_miss = false }, "child")
    if ctx.command then return text.call("mg.set_ttl", { child, ttl }) end
    ctx.book.helpers.with_ttl = true
    return text.apply("with_ttl", { child, ttl })
end

-- A full bucket has `limit` tokens, the last of which is never taken. nil: none ever is.
local function rate_fields(args, ctx)
    for _, name in ipairs { "limit", "fillrate" } do
        if args[name] == nil then ctx:fail("route_ratelim", "wants '%s'", name) end
    end
    local limit = ctx:number(args, "limit", 0, 2 ^ 32 - 2)
    local fill = math.max(1, math.floor(ctx:number(args, "fillrate", 0, 2 ^ 32 - 2)))
    local tick = math.max(1, math.floor(ctx:number(args, "tickrate", 0, 3.6e6) or 1000)) -- milliseconds
    if limit < 2 then return nil end
    local rate = text.number(math.max(0.001, math.min(fill * 1000 / tick, 1e9)))
    local burst = text.number(math.min(math.floor(limit) - 1, 1e9))
    if args.global then
        rate = ("math.max(0.001, %s / mg.worker.count)"):format(rate)
        burst = ("math.max(1, %s / mg.worker.count)"):format(burst)
    end
    return { { "rate", rate }, { "burst", burst }, { "tick", text.number(tick / 1000) } }
end

function known.ratelim(args, ctx)
    ctx:check(args, { "child", "limit", "fillrate", "tickrate", "global", "fail_until_limit", "stats", "stats_name" })
    local fields, counter = rate_fields(args, ctx), ctx:counter(args, "_limits")
    local within, over = children.one(args.child, ctx, "child"), "mg.null()"
    if counter then
        ctx.book.helpers.counted = true
        over = text.apply("counted", { counter, over })
    end
    if args.fail_until_limit then within, over = over, within end
    if not fields then
        ctx:note("limit", "with a limit below 2 no request is within it")
        return over
    end
    fields[#fields + 1] = { "over", over == "mg.null()" and text.quote "miss" or over }
    return text.call("mg.rate_limit", { within }, fields)
end

--- The names of all handlers, sorted.
function M.names()
    return text.sorted(known)
end

return M
