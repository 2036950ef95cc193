--- mcrouter's route handles that ask several servers: which are asked, and what the client gets. Each case has
-- its source in mcrouter (2026-08) beside it: routes/X stands for mcrouter/routes/X, lib/X for mcrouter/lib/X.
local mcrouter = require "mcrouter_cases"

local DOWN = "SERVER_ERROR Server unavailable. Reason: mc_res_connect_error"
local HITS = { a1 = "hit", a2 = "hit" }

mcrouter.tests("AllSyncRoute", {
    { "lib/routes/AllSyncRoute.h 48-64", '"AllSyncRoute|Pool|A"', HITS, "set k 0 0 1",
        "a1 set k 0 0 1, a2 set k 0 0 1", "STORED" },
    { "lib/McResUtil.h 15-62: a miss is worse than a hit", '"AllSyncRoute|Pool|A"', { a1 = "hit", a2 = "miss" },
        "get k", "a1 get k, a2 get k", "miss" },
    { "lib/McResUtil.h 15-62: an error is worse than a miss", '"AllSyncRoute|Pool|A"', { a1 = "miss", a2 = "down" },
        "get k", "a1 get k", DOWN },
    { "lib/McResUtil.h 15-62", '"AllSyncRoute|Pool|A"', { a1 = "NOT_STORED", a2 = "STORED" }, "add k 0 0 1",
        "a1 add k 0 0 1, a2 add k 0 0 1", "NOT_STORED" },
    { "routes/AllSyncRouteFactory.h 30: one child: no wrapper", '"AllSyncRoute|Pool|B"', { b = "hit" }, "get k",
        "b get k", "hit of b" },
    { "routes/AllSyncRouteFactory.h 26: none: null", '"AllSyncRoute|Pool|none"', {}, "get k", "", "miss" },
    { "lib/config/RouteHandleFactory-inl.h 91-100: lists become one",
        '{ "type": "AllSyncRoute", "children": [ "Pool|A", [ "PoolRoute|B", [] ] ] }',
        { a1 = "hit", a2 = "hit", b = "miss" }, "delete k", "a1 delete k, a2 delete k, b delete k", "NOT_FOUND" },
})

mcrouter.tests("AllAsyncRoute", {
    { "lib/routes/AllAsyncRoute.h", '"AllAsyncRoute|Pool|A"', HITS, "get k", "a1 get k, a2 get k", "miss" },
    { "lib/routes/AllAsyncRoute.h", '"AllAsyncRoute|Pool|A"', HITS, "set k 0 0 1", "a1 set k 0 0 1, a2 set k 0 0 1",
        "NOT_STORED" },
    { "routes/AllAsyncRouteFactory.h 26: one child has its wrapper", '"AllAsyncRoute|Pool|B"', { b = "hit" },
        "delete k", "b delete k", "NOT_FOUND" },
})

mcrouter.tests("AllFastestRoute", {
    { "lib/routes/AllFastestRoute.h 56-63: a miss is a success", '"AllFastestRoute|Pool|A"',
        { a1 = "silent", a2 = "miss" },
        "get k", "a1 get k, a2 get k", "miss" },
    { "lib/routes/AllFastestRoute.h 56-63: an error is none", '"AllFastestRoute|Pool|A"',
        { a1 = "SERVER_ERROR full", a2 = "hit" }, "get k", "a1 get k, a2 get k", "hit of a2" },
    { "lib/routes/AllFastestRoute.h 56-63: the last error", '"AllFastestRoute|Pool|A"',
        { a1 = "SERVER_ERROR one", a2 = "SERVER_ERROR two" }, "get k", "a1 get k, a2 get k", "SERVER_ERROR two" },
})

mcrouter.tests("AllInitialRoute", {
    { "lib/routes/AllInitialRoute.h 51-55", '"AllInitialRoute|Pool|A"', { a1 = "miss", a2 = "hit" }, "get k",
        "a1 get k, a2 get k", "miss" },
    { "lib/routes/AllInitialRoute.h 51-55: it waits for no other", '"AllInitialRoute|Pool|A"',
        { a1 = "hit", a2 = "silent" },
        "get k", "a1 get k, a2 get k", "hit of a1" },
})

mcrouter.tests("AllMajorityRoute", {
    { "lib/routes/AllMajorityRoute.h 65-80", '{ "type": "AllMajorityRoute", "children": [ "Pool|A", "PoolRoute|B" ] }',
        { a1 = "miss", a2 = "hit", b = "miss" }, "get k", "a1 get k, a2 get k, b get k", "miss" },
    { "lib/routes/AllMajorityRoute.h 65-80: ties: the worst", '"AllMajorityRoute|Pool|A"', { a1 = "miss", a2 = "hit" },
        "get k", "a1 get k, a2 get k", "miss" },
    { "lib/routes/AllMajorityRoute.h 65-80: the most frequent one, without a majority",
        '{ "type": "AllMajorityRoute", "children": [ "Pool|A", "PoolRoute|B", "ErrorRoute|own" ] }',
        { a1 = "miss", a2 = "hit", b = "miss" }, "get k", "a1 get k, a2 get k, b get k", "miss" },
})

local FAIL = '{ "type": "FailoverRoute", "children": [ "PoolRoute|B", "PoolRoute|C", "PoolRoute|D" ]%s }'

mcrouter.tests("FailoverRoute", {
    { "routes/FailoverRoute.h 263-283", FAIL:format "", { b = "hit" }, "get k", "b get k", "hit of b" },
    { "lib/McResUtil.h 79-100: a miss is no error", FAIL:format "", { b = "miss", c = "hit" }, "get k", "b get k",
        "miss" },
    { "lib/McResUtil.h 79-100", FAIL:format "", { b = "down", c = "SERVER_ERROR full", d = "hit" }, "get k",
        "c get k, d get k", "hit of d", in_order = true },
    { "lib/McResUtil.h 79-100: CLIENT_ERROR is no reason", FAIL:format "", { b = "CLIENT_ERROR bad", c = "hit" },
        "get k", "b get k", "CLIENT_ERROR bad" },
    { "routes/FailoverRoute.h 348-361: the last error", FAIL:format "",
        { b = "down", c = "down", d = "SERVER_ERROR full" },
        "get k", "d get k", "SERVER_ERROR full" },
    { "lib/FailoverErrorsSettingsBase.cpp 48-80", FAIL:format ', "failover_errors": [ "timeout" ]',
        { b = "down", c = "hit" },
        "get k", "", DOWN },
    { "lib/FailoverErrorsSettingsBase.cpp 48-80", FAIL:format ', "failover_errors": [ "tko", "remote_error" ]',
        { b = "SERVER_ERROR full", c = "hit" }, "get k", "b get k, c get k", "hit of c", in_order = true },
    { "lib/FailoverErrorsSettings.h 38-64: by class: gets",
        FAIL:format ', "failover_errors": { "gets": [ "remote_error" ], "updates": [] }',
        { b = "SERVER_ERROR full", c = "hit" }, "get k", "b get k, c get k", "hit of c", in_order = true },
    { "lib/FailoverErrorsSettings.h 38-64: by class: updates",
        FAIL:format ', "failover_errors": { "gets": [ "remote_error" ], "updates": [] }',
        { b = "SERVER_ERROR full", c = "hit" }, "set k 0 0 1", "b set k 0 0 1", "SERVER_ERROR full" },
    { "lib/FailoverErrorsSettings.h 66-76: touch is of no class",
        FAIL:format ', "failover_errors": { "gets": [], "updates": [] }', { b = "SERVER_ERROR full", c = "hit" },
        "touch k 1", "b touch k 1, c touch k 1", "TOUCHED", in_order = true },
    { "lib/FailoverErrorsSettings.h 46-55: gat is a get",
        FAIL:format ', "failover_errors": { "gets": [], "updates": [] }', { b = "SERVER_ERROR full", c = "hit" },
        "gat 1 k", "b gat 1 k", "SERVER_ERROR full" },
    { "lib/FailoverErrorsSettings.h 38-64: a class that is not named",
        FAIL:format ', "failover_errors": { "gets": [], "updates": [] }', { b = "SERVER_ERROR full", c = "hit" },
        "delete k", "b delete k, c delete k", "DELETED", in_order = true },
    { "lib/McResUtil.h 85: LOCAL_ERROR",
        '{ "type": "FailoverRoute", "children": [ "ErrorRoute|own", "PoolRoute|B" ] }', { b = "hit" }, "get k",
        "b get k", "hit of b" },
    { "routes/FailoverRateLimiter.cpp 22-42: a rate of 0 and its burst",
        FAIL:format ', "failover_limit": { "rate": 0, "burst": 1 }', { b = "SERVER_ERROR full", c = "hit" }, "get k",
        "b get k, c get k", "hit of c", in_order = true },
    { "routes/FailoverPolicy.h 775-790: max_tries",
        FAIL:format ', "failover_policy": { "type": "LeastFailuresPolicy", "max_tries": 2 }',
        { b = "SERVER_ERROR b", c = "SERVER_ERROR c", d = "hit" }, "get k", "b get k, c get k", "SERVER_ERROR c",
        in_order = true },
})

local GUTTER = '{ "type": "FailoverWithExptimeRoute", "normal": "PoolRoute|B", "failover": "Pool|A"%s }'

mcrouter.tests("FailoverWithExptimeRoute", {
    { "routes/FailoverWithExptimeRouteFactory.h 74: 60 s unless given", GUTTER:format "", { b = "down", a1 = "hit" },
        "set k 0 0 1", "a1 set k 0 60 1", "STORED" },
    { "routes/ModifyExptimeRoute.h 109-117: a minimum", GUTTER:format "", { b = "down", a1 = "hit" }, "set k 0 5 1",
        "a1 set k 0 5 1", "STORED" },
    { "routes/FailoverWithExptimeRouteFactory.h 28-41", GUTTER:format ', "failover_exptime": 7',
        { b = "down", a1 = "down", a2 = "hit" }, "set k 0 0 1", "a2 set k 0 7 1", "STORED" },
    { "routes/FailoverWithExptimeRouteFactory.h 28-41: 0 leaves times alone", GUTTER:format ', "failover_exptime": 0',
        { b = "down", a1 = "hit" }, "set k 0 90 1", "a1 set k 0 90 1", "STORED" },
    { "routes/FailoverWithExptimeRouteFactory.h 28-31: the normal one has its time", GUTTER:format "", { b = "hit" },
        "set k 0 0 1", "b set k 0 0 1", "STORED" },
})

local MISS = '{ "type": "MissFailoverRoute", "children": [ "PoolRoute|B", "PoolRoute|C" ]%s }'

mcrouter.tests("MissFailoverRoute", {
    { "routes/MissFailoverRoute.h 86-118", MISS:format "", { b = "miss", c = "hit" }, "get k", "b get k, c get k",
        "hit of c", in_order = true },
    { "routes/MissFailoverRoute.h 86-118", MISS:format "", { b = "SERVER_ERROR full", c = "hit" }, "get k",
        "b get k, c get k", "hit of c", in_order = true },
    { "routes/MissFailoverRoute.h 110-113: the last reply, also an error", MISS:format "",
        { b = "miss", c = "SERVER_ERROR full" },
        "get k", "b get k, c get k", "SERVER_ERROR full", in_order = true },
    { "routes/MissFailoverRoute.h 102-109", MISS:format ', "return_best_on_error": true',
        { b = "miss", c = "SERVER_ERROR full" }, "get k", "b get k, c get k", "miss", in_order = true },
    { "routes/MissFailoverRoute.h 65-68: deletes", MISS:format "", { b = "miss", c = "hit" }, "delete k",
        "b delete k, c delete k", "DELETED", in_order = true },
    { "routes/MissFailoverRoute.h 70-76: others: the first", MISS:format "", { b = "SERVER_ERROR full", c = "hit" },
        "set k 0 0 1", "b set k 0 0 1", "SERVER_ERROR full" },
    { "routes/MissFailoverRoute.h 59-62: gat is a get", MISS:format "", { b = "miss", c = "hit" }, "gat 9 k",
        "b gat 9 k, c gat 9 k", "hit of c", in_order = true },
})

mcrouter.tests("LatestRoute", {
    { "routes/LatestRoute.h 34-36: one child", '"LatestRoute|Pool|B"', { b = "hit" }, "get k", "b get k", "hit of b" },
    { "routes/LatestRoute.h 38-58: all down", '{ "type": "LatestRoute", "children": "Pool|A", "salt": "x" }',
        { a1 = "SERVER_ERROR full", a2 = "SERVER_ERROR full" }, "get k", "a1 get k, a2 get k", "SERVER_ERROR full" },
    { "routes/LatestRoute.h 72: failover_errors",
        '{ "type": "LatestRoute", "children": "Pool|A", "failover_errors": { "gets": [], "updates": [ '
        .. '"remote_error" ] } }', { a1 = "SERVER_ERROR full", a2 = "SERVER_ERROR full" }, "set k 0 0 1",
        "a1 set k 0 0 1, a2 set k 0 0 1", "SERVER_ERROR full" },
    { "routes/LatestRoute.h 97-112: failover_limit", [[{ "type": "LatestRoute",
        "children": [ "PoolRoute|B", "PoolRoute|B" ], "failover_limit": { "rate": 0, "burst": 1 } }]],
        { b = "SERVER_ERROR full" }, "get k", "b get k, b get k", "SERVER_ERROR full" },
    { "routes/LatestRoute.h 39: failover_count",
        '{ "type": "LatestRoute", "children": [ "PoolRoute|B", "PoolRoute|B" ], "failover_count": 1 }',
        { b = "SERVER_ERROR full" }, "get k", "b get k", "SERVER_ERROR full" },
})
