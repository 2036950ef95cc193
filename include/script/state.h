/* state: the inside of a script, shared by script.c and api.c only. */
#ifndef MOONGATE_SCRIPT_STATE_H
#define MOONGATE_SCRIPT_STATE_H

#include <lua.h>

#include "base/log.h"
#include "client/generation.h"
#include "script/abi.h"
#include "script/async.h"
#include "script/script.h"

/* Invariant: the Lua stack holds the traceback handler at 1 and the run function at 2 whenever Lua is not running. */
struct script {
    lua_State *L;
    struct script_host host;
    uint32_t generation;
    int32_t root; /* the number of the route that is all of it, or ANSWER_NONE: ask Lua */
    struct generation routes;
    struct asyncs asyncs;
    struct pool **pools;
    uint32_t pools_n;
    struct mg_batch batch;
    struct log_limit log;
    char path[256];                  /* as shown */
    uint8_t scratch[LINE_MAX_BYTES]; /* meta flags being edited */
};

#endif
