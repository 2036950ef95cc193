--- mcrouter's route handles that choose, rewrite, fill or answer: which servers are asked, and what the client
-- gets. Each case has its source in mcrouter (2026-08) beside it: routes/X stands for mcrouter/routes/X, lib/X for
-- mcrouter/lib/X.
local t = require "moongate.test"
local mcrouter = require "mcrouter_cases"

local BY = '{ "type": "OperationSelectorRoute", %s ' ..
    '"operation_policies": { "get": "PoolRoute|B", "delete": "PoolRoute|C" } }'
local ALL, SOME = BY:format '"default_policy": "PoolRoute|D",', BY:format ""
local WITH = '{ "type": "OperationSelectorRoute", "default_policy": "PoolRoute|D", ' ..
    '"operation_policies": { "%s": "PoolRoute|C" } }'
local UNKNOWN = "SERVER_ERROR unexpected result mc_res_unknown (0) for "
local HIT = { b = "hit", c = "hit", d = "hit" }

mcrouter.tests("OperationSelectorRoute", {
    { "routes/OperationSelectorRoute.h 63-72", ALL, HIT, "get k", "b get k", "hit of b" },
    { "routes/OperationSelectorRoute.h 63-72", ALL, HIT, "delete k", "c delete k", "DELETED" },
    { "routes/OperationSelectorRoute.h 63-72: gets is not get", ALL, HIT, "gets k", "d gets k", "hit of d" },
    { "routes/OperationSelectorRoute.h 63-72", ALL, HIT, "set k 0 0 1", "d set k 0 0 1", "STORED" },
    { "routes/OperationSelectorRoute.h 72, lib/network/AsciiSerialized.cpp 313-329", SOME, HIT, "set k 0 0 1", "",
        UNKNOWN .. "set" },
    { "routes/OperationSelectorRoute.h 72, lib/network/AsciiSerialized.cpp 313-329", SOME, HIT, "gets k", "",
        UNKNOWN .. "gets" },
    { "routes/OperationSelectorRoute.h 72, lib/network/AsciiSerialized.cpp 313-329", SOME, HIT, "touch k 1", "",
        UNKNOWN .. "touch" },
    { "a client's meta command goes with the classic one: mg as get", ALL, HIT, "mg k v", "b mg k v", "hit of b" },
    { "a client's meta command goes with the classic one: md as delete", ALL, HIT, "md k", "c md k", "HD" },
    { "a client's meta command goes with the classic one: ms as set", WITH:format "set", HIT, "ms k 1", "c ms k 1",
        "HD" },
    { "lib/network/gen/MemcacheMessages-decl.h 667: touch is not gat", WITH:format "touch", HIT, "gat 1 k",
        "d gat 1 k", "hit of d" },
    { "lib/network/gen/MemcacheMessages-decl.h 667: touch", WITH:format "touch", HIT, "touch k 1", "c touch k 1",
        "TOUCHED" },
    { "lib/network/gen/MemcacheMessages-decl.h 843: gats", WITH:format "gats", HIT, "gats 1 k", "c gats 1 k",
        "hit of c" },
    { "lib/network/gen/MemcacheMessages-decl.h 447: incr", WITH:format "incr", { c = "5" }, "incr k 1", "c incr k 1",
        "hit 5" },
    { "routes/OperationSelectorRoute-inl.h 41: what is no object", '"OperationSelectorRoute|PoolRoute|B"', HIT,
        "get k", "b get k", "hit of b" },
    { "routes/McRouteHandleProvider.cpp 296: the other name",
        '{ "type": "PrefixPolicyRoute", "default_policy": "PoolRoute|C" }', HIT, "get k", "c get k", "hit of c" },
})

local GROUPS = '{ "type": "RoutingGroupRoute", "default_policy": "PoolRoute|D", ' ..
    '"routing_group_policies": { "get_like": "PoolRoute|B", "update_like": "PoolRoute|C" } }'

mcrouter.tests("RoutingGroupRoute", {
    { "routes/RoutingGroupRoute.h 67-77", GROUPS, HIT, "gats 1 k", "b gats 1 k", "hit of b" },
    { "routes/RoutingGroupRoute.h 67-77", GROUPS, HIT, "append k 0 0 1", "c append k 0 0 1", "STORED" },
    { "routes/RoutingGroupRoute.h 67-77", GROUPS, HIT, "delete k", "d delete k", "DELETED" },
    { "lib/network/gen/MemcacheRoutingGroups.h: touch is in none", GROUPS, HIT, "touch k 1", "d touch k 1", "TOUCHED" },
})

local PREFIX = [[{ "type": "PrefixSelectorRoute", "policies": { "a": "PoolRoute|B", "ab": "PoolRoute|C" }%s }]]

mcrouter.tests("PrefixSelectorRoute", {
    { "routes/PrefixSelectorRoute.h 33-36: the longest", PREFIX:format ', "wildcard": "PoolRoute|D"', HIT, "get abc",
        "c get abc", "hit of c" },
    { "routes/PrefixSelectorRoute.h 33-36", PREFIX:format ', "wildcard": "PoolRoute|D"', HIT, "get ac", "b get ac",
        "hit of b" },
    { "routes/PrefixSelectorRoute.h 33-36: none", PREFIX:format ', "wildcard": "PoolRoute|D"', HIT, "get x", "d get x",
        "hit of d" },
    { "routes/RootRoute.h 222: none, and no wildcard", PREFIX:format "", HIT, "get x", "",
        "SERVER_ERROR RootRoute: No rh found" },
    { "routes/PrefixSelectorRoute.h 43-47: any other route is a wildcard", '"PoolRoute|B"', HIT, "get x", "b get x",
        "hit of b" },
})

-- furc_hash of apple over 2 is 0, of foo:bar 1 (lib/fbi/hash.c; shared facts).
local H = { a1 = "hit", a2 = "hit" }

mcrouter.tests("PoolRoute and HashRoute", {
    { "routes/HashRouteFactory.h 158: Ch3", '"PoolRoute|A"', H, "get apple", "a1 get apple", "hit of a1" },
    { "routes/HashRouteFactory.h 158: Ch3", '"PoolRoute|A"', H, "get foo:bar", "a2 get foo:bar", "hit of a2" },
    { "routes/HashRouteFactory.h 158: Ch3", '"HashRoute|Pool|A"', H, "get foo:bar", "a2 get foo:bar", "hit of a2" },
    { "lib/carbon/Keys-inl.h 72: only what is before |#| is hashed", '"HashRoute|Pool|A"', H, "get foo:bar|#|apple",
        "a2 get foo:bar|#|apple", "hit of a2" },
    { "lib/Crc32HashFunc.h", '{ "type": "PoolRoute", "pool": "A", "hash": "Crc32" }', H, "get foo:bar",
        "a2 get foo:bar", "hit of a2" },
    { "lib/HashUtil.h 16-35: a salt is hashed behind the key",
        '{ "type": "PoolRoute", "pool": "A", "hash": { "salt": "s" } }', H, "get foo:bar", "a1 get foo:bar",
        "hit of a1" },
    { "lib/HashUtil.h 16-35: of any bytes", '{ "type": "PoolRoute", "pool": "A", "hash": { "salt": " \\u0001" } }', H,
        "get apple", "a2 get apple", "hit of a2" },
    { "lib/WeightedCh3HashFunc.cpp: a weight of 0",
        '{ "type": "PoolRoute", "pool": "A", "hash": { "hash_func": "WeightedCh3", "weights": [ 0, 1 ] } }', H,
        "get apple", "a2 get apple", "hit of a2" },
    { "lib/WeightedCh3HashFunc.cpp: a weight of 0 of HashRoute",
        '{ "type": "HashRoute", "children": "Pool|A", "hash_func": "WeightedCh3", "weights": [ 0, 1 ] }', H,
        "get apple", "a2 get apple", "hit of a2" },
    { "routes/HashRouteFactory.h 139-152", '"HashRoute|Pool|none"', {}, "get k", "",
        "SERVER_ERROR HashRoute with empty children, name: " },
    { "routes/HashRouteFactory.h 139-152", '"PoolRoute|none"', {}, "get k", "",
        "SERVER_ERROR HashRoute with empty children, name: none" },
    { "routes/HashRouteFactory.h 154: one child needs no hash",
        '{ "type": "HashRoute", "children": "Pool|B", "hash_func": "nothing" }', { b = "hit" },
        "get k", "b get k", "hit of b" },
    { "routes/RandomRouteFactory.h 30: one child", '"RandomRoute|Pool|B"', { b = "hit" }, "get k", "b get k",
        "hit of b" },
    { "routes/HostIdRouteFactory.h 36", '"HostIdRoute|Pool|B"', { b = "hit" }, "get k", "b get k", "hit of b" },
})

local KEY = '{ "type": "ModifyKeyRoute", "target": "PoolRoute|B", %s }'
local TIME = '{ "type": "ModifyExptimeRoute", "target": "PoolRoute|B", %s }'
local B = { b = "hit" }

mcrouter.tests("ModifyKeyRoute", {
    { "routes/ModifyKeyRoute.h 115-121", KEY:format '"ensure_key_prefix": "p:"', B, "get k", "b get p:k", "hit of b" },
    { "routes/ModifyKeyRoute.h 115-121", KEY:format '"ensure_key_prefix": "p:"', B, "get p:k", "b get p:k",
        "hit of b" },
    { "routes/ModifyKeyRoute.h 109-114", KEY:format '"ensure_key_prefix": "p:", "replace_key_prefix": "o:"', B,
        "get o:k", "b get p:k", "hit of b" },
    { "routes/ModifyKeyRoute.h 115-121: what is not replaced gets it",
        KEY:format '"ensure_key_prefix": "p:", "replace_key_prefix": "o:"', B, "get k", "b get p:k", "hit of b" },
    { "routes/ModifyKeyRoute.h 109-114: nothing in its place", KEY:format '"replace_key_prefix": "o:"', B, "get o:k",
        "b get k", "hit of b" },
    { "routes/ModifyKeyRoute.h 109-114: an empty beginning",
        KEY:format '"ensure_key_prefix": "p:", "replace_key_prefix": ""', B, "get p:k", "b get p:p:k", "hit of b" },
    { "routes/ModifyKeyRoute.h 109-126: a suffix always",
        KEY:format '"ensure_key_prefix": "p:", "set_key_suffix": ":s"', B, "get p:k", "b get p:k:s", "hit of b" },
    { "routes/ModifyKeyRoute.h 117: in place", KEY:format '"ensure_key_prefix": "p:", "modify_inplace": true', B,
        "get o:k", "b get p:k", "hit of b" },
    { "routes/ModifyKeyRoute.h 117: in place, a short key",
        KEY:format '"ensure_key_prefix": "p:", "modify_inplace": true', B, "get k", "b get p:k", "hit of b" },
})

mcrouter.tests("ModifyExptimeRoute", {
    { "routes/ModifyExptimeRoute.h 91-101: set unless given", TIME:format '"exptime": 9', B, "set k 0 5 1",
        "b set k 0 9 1", "STORED" },
    { "routes/ModifyExptimeRoute.h 103-117: 0 is for ever", TIME:format '"exptime": 9, "action": "min"', B,
        "set k 0 0 1", "b set k 0 9 1", "STORED" },
    { "routes/ModifyExptimeRoute.h 103-117", TIME:format '"exptime": 9, "action": "min"', B, "set k 0 5 1",
        "b set k 0 5 1", "STORED" },
    { "routes/ModifyExptimeRoute.h 163", TIME:format '"exptime": 0, "action": "min"', B, "set k 0 5 1",
        "b set k 0 5 1", "STORED" },
    { "routes/ModifyExptimeRoute.h 91-101: beyond 30 days", TIME:format '"exptime": 2592001', B, "set k 0 5 1",
        "b set k 0 2592001 1", "STORED" },
    { "routes/ModifyExptimeRoute.h 91-101: at once", TIME:format '"exptime": -1', B, "set k 0 5 1", "b set k 0 -1 1",
        "STORED" },
    { "routes/ModifyExptimeRoute.h 91-101: over several",
        '{ "type": "ModifyExptimeRoute", "target": "AllSyncRoute|Pool|A", "exptime": -1 }', H, "set k 0 5 1",
        "a1 set k 0 -1 1, a2 set k 0 -1 1", "STORED" },
    { "routes/ModifyExptimeRoute.h 119-125: a get has no time", TIME:format '"exptime": -1', B, "get k", "b get k",
        "hit of b" },
})

local WARM = '{ "type": "WarmUpRoute", "cold": "PoolRoute|B", "warm": "PoolRoute|C"%s }'
local LEVELS = '{ "type": "L1L2CacheRoute", "l1": "PoolRoute|B", "l2": "PoolRoute|C", "upgradingL1Exptime": 7 }'

mcrouter.tests("Routes that fill", {
    { "routes/WarmUpRoute.h 90-108", WARM:format "", { b = "hit" }, "get k", "b get k", "hit of b" },
    { "routes/WarmUpRoute.cpp 46: exptime 0", WARM:format "", { b = "miss", c = "hit" }, "get k",
        "b get k, c get k, b add k 0 0 4", "hit of c", in_order = true },
    { "routes/WarmUpRoute.cpp 43", WARM:format ', "exptime": 9', { b = "miss", c = "hit" }, "get k",
        "b get k, c get k, b add k 0 9 4", "hit of c", in_order = true },
    { "routes/WarmUpRoute.h 214-220: writes go to cold", WARM:format "", { b = "hit", c = "hit" }, "delete k",
        "b delete k", "DELETED" },
    { "lib/routes/L1L2CacheRoute.h 77-110", LEVELS, { b = "miss", c = "hit" }, "get k",
        "b get k, c get k, b add k 0 7 4", "hit of c", in_order = true },
    { "lib/routes/L1L2CacheRoute.h 112-117: others are L1's alone", LEVELS, { b = "hit", c = "hit" }, "set k 0 0 1",
        "b set k 0 0 1", "STORED" },
    { "lib/routes/L1L2CacheRoute.h 112-117: others are L1's alone", LEVELS, { b = "hit", c = "hit" }, "delete k",
        "b delete k", "DELETED" },
    { "lib/routes/L1L2CacheRoute.h 77-110: gets is a get", LEVELS, { b = "miss", c = "hit" }, "gets k",
        "b gets k, c gets k", "hit of c", in_order = true },
})

local STAGING = '{ "type": "StagingRoute", "warm": "PoolRoute|B", "staging": "PoolRoute|C" }'
local SPLIT = '{ "type": "KeySplitRoute", "destination": "PoolRoute|B", "replicas": 2, "all_sync": %s }'

-- Tests begin in 2026: 1767225600.
local function migrate(start)
    return ('{ "type": "MigrateRoute", "from": "PoolRoute|B", "to": "PoolRoute|C", "start_time": %d, ' ..
        '"interval": 1000 }'):format(start)
end

local BC = { b = "hit", c = "hit" }

mcrouter.tests("Routes to two places", {
    { "routes/StagingRoute.h 171-192: a set", STAGING, BC, "set k 0 0 1", "b set k 0 0 1, c set k 0 0 1", "STORED" },
    { "routes/StagingRoute.h 204-227: a delete", STAGING, BC, "delete k", "b delete k, c delete k", "DELETED" },
    { "routes/StagingRoute.h 204-227: the worse reply of a delete", STAGING, { b = "hit", c = "miss" }, "delete k",
        "b delete k, c delete k", "NOT_FOUND" },
    { "routes/KeySplitRoute.h: deletes go to all", SPLIT:format "true", B, "delete k", "b delete k, b delete k::1",
        "DELETED" },
    { "lib/routes/MigrateRoute.h 155-180: before", migrate(1900000000), BC, "get k", "b get k", "hit of b" },
    { "lib/routes/MigrateRoute.h 155-180: before", migrate(1900000000), BC, "delete k", "b delete k", "DELETED" },
    { "lib/routes/MigrateRoute.h 155-166: deletes from the start on", migrate(1767225600 - 500), BC, "delete k",
        "b delete k, c delete k", "DELETED" },
    { "lib/routes/MigrateRoute.h 183-186: no key has moved before start + interval", migrate(1767225600 - 900), BC,
        "get k", "b get k", "hit of b" },
    { "lib/routes/MigrateRoute.h 183-186: all have at start + 2 interval", migrate(1767225600 - 2001), BC, "get k",
        "c get k", "hit of c" },
    { "lib/routes/MigrateRoute.h 155-166: deletes at the end", migrate(1767225600 - 2001), BC, "delete k",
        "c delete k", "DELETED" },
    { "routes/LatencyInjectionRoute.cpp: the child answers",
        '{ "type": "LatencyInjectionRoute", "child": "PoolRoute|B", "before_latency_ms": 100 }', B, "get k", "b get k",
        "hit of b" },
})

mcrouter.tests("Routes that answer", {
    { "routes/ErrorRoute.h 125-131", '"ErrorRoute|not here"', {}, "get k", "", "SERVER_ERROR not here" },
    { "lib/network/AsciiSerialized.cpp 55", '"ErrorRoute"', {}, "get k", "", "SERVER_ERROR local error" },
    { "lib/network/AsciiSerialized.cpp 33", '{ "type": "ErrorRoute", "result": "mc_res_tko" }', {}, "set k 0 0 1", "",
        "SERVER_ERROR unavailable" },
    { "lib/routes/NullRoute.h", '"NullRoute"', {}, "get k", "", "miss" },
    { "lib/routes/NullRoute.h", '"NullRoute"', {}, "set k 0 0 1", "", "NOT_STORED" },
    { "lib/routes/NullRoute.h", '"NullRoute"', {}, "delete k", "", "NOT_FOUND" },
    { "routes/LoggingRoute.h 105-112", '"LoggingRoute|PoolRoute|B"', B, "get k", "b get k", "hit of b" },
})

t.describe("RateLimitRoute", function()
    local ROUTE = '{ "type": "RateLimitRoute", "target": "PoolRoute|B", "rates": { "sets_rate": 1 }%s }'

    -- routes/RateLimitRoute.h 74-83
    t.it("answers what is over the rate as if no server had the key", function()
        local app = mcrouter.over(ROUTE:format "")
        t.expect(app:set("k", "v")):is "STORED\r\n"
        t.expect(app:set("k", "v")):is "NOT_STORED\r\n"
        t.expect(app:get "k"):is_hit "v"
        t.advance(1)
        t.expect(app:set("k", "v")):is "STORED\r\n"
    end)

    -- lib/network/gen/MemcacheRoutingGroups.h: GetLike
    t.it("counts get, gets, gat and gats together", function()
        local app = mcrouter.over '{ "type": "RateLimitRoute", "target": "PoolRoute|B", "rates": { "gets_rate": 3 } }'
        app:set("k", "v")
        for _, line in ipairs { "get k", "gets k", "gat 9 k" } do t.expect(app:ask(line)):is_hit "v" end
        t.expect(app:ask "gats 9 k"):is_miss()
        t.expect(app:ask "touch k 9"):is "TOUCHED\r\n"
    end)

    t.it("sends it to the fallback, if there is one", function()
        local app = mcrouter.over(ROUTE:format ', "fallback": "PoolRoute|C"')
        app:set("k", "v")
        app:set("k", "w")
        t.expect(app:server "10.0.0.4:11211":value "k"):equals "w"
    end)
end)

t.describe("shadows", function()
    local ROUTE = '{ "type": "PoolRoute", "pool": "A", "shadows": [ { "target": "PoolRoute|B"%s } ] }'

    local function copies(settings)
        local app, n = mcrouter.over(ROUTE:format(settings)), 0
        for _, key in ipairs { "apple", "foo:bar" } do app:get(key) end
        for _, entry in ipairs(app.sent) do n = n + (entry.server == "10.0.0.3:11211" and 1 or 0) end
        return n
    end

    -- routes/ShadowSettings.h 145-171, routes/ShadowRoute-inl.h 117-131
    t.it("are of the servers of index_range, and of the keys of key_fraction_range", function()
        t.expect(copies ', "index_range": [0, 2], "key_fraction_range": [0, 1]'):equals(2)
        t.expect(copies ', "index_range": [1, 2], "key_fraction_range": [0, 1]'):equals(1)
    end)

    t.it("copy nothing without one of them", function()
        t.expect(copies ', "index_range": [0, 2]'):equals(0)
        t.expect(copies ', "key_fraction_range": [0, 1]'):equals(0)
        t.expect(copies ', "index_range": [0, 2], "key_fraction_range": [0, 2]'):equals(0)
    end)

    -- routes/PoolRouteUtils.h 94-97: what is shadowed are servers, whatever spreads keys over them
    t.it("are of servers where a salt spreads keys, and where there are several", function()
        t.expect(copies [[, "index_range": [0, 1], "key_fraction_range": [0, 1] } ],
            "hash": { "salt": "s" }, "none": [ {]]):equals(2)
        t.expect(copies [[, "index_range": [1, 2], "key_fraction_range": [0, 1] } ],
            "hash": { "salt": "s" }, "none": [ {]]):equals(0)
        t.expect(copies [[, "index_range": [0, 1], "key_fraction_range": [0, 1] },
            { "target": "PoolRoute|B", "index_range": [1, 2], "key_fraction_range": [0, 1] ]]):equals(2)
    end)

    -- routes/ShadowRoute-inl.h 96-116
    t.it("to a route that cannot be made copy nothing", function()
        local app = mcrouter.over '{ "type": "PoolRoute", "pool": "A", "shadows": [ { "target": "nothing" }, 5 ] }'
        t.expect(app:get "k"):is_miss()
    end)

    -- routes/ShadowRoute-inl.h 117-131
    t.it("are of children of ShadowRoute", function()
        local app = mcrouter.over [[{ "type": "AllSyncRoute", "children": { "type": "ShadowRoute",
            "children": [ "PoolRoute|B", "PoolRoute|C" ],
            "shadows": [ { "target": "PoolRoute|D", "index_range": [1, 2], "key_fraction_range": [0, 1] } ] } }]]
        app:get "k"
        t.expect(#app.sent):equals(3)
    end)

    -- routes/ShadowSettings.h 126-139
    t.it("may be of certain keys", function()
        t.expect(copies ', "keys_to_shadow": [ "apple" ]'):equals(1)
    end)
end)

t.describe("a server that is down", function()
    -- mcrouter_options_list.h 607-645: timeouts-until-tko 3, server-timeout 1000 ms, probe-timeout-initial 10000 ms
    t.it("is so after three timeouts of a second, and is probed from about ten on", function()
        local app = mcrouter.over '"PoolRoute|B"'
        local server = app:server "10.0.0.3:11211"
        app:get "k"
        server:is_silent()
        for _ = 1, 3 do
            local late = app:get "k"
            t.expect(late):took(1)
            t.expect(late.text):equals "SERVER_ERROR Reply timeout\r\n"
        end
        local reply = app:get "k"
        t.expect(reply.text):equals "SERVER_ERROR Server unavailable. Reason: mc_res_timeout\r\n"
        t.expect(reply):took(0)
        server:is_up()
        t.advance(5)
        t.expect(app:get "k"):is_error()
        t.advance(25)
        t.expect(app:get "k"):is_miss()
    end)
end)
