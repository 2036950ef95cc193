/* state: the inside of a script, shared by script.c and api.c only. */
#ifndef MOONGATE_SCRIPT_STATE_H
#define MOONGATE_SCRIPT_STATE_H

#include <lua.h>

#include "base/log.h"
#include "script/abi.h"
#include "script/script.h"

/* What the Lua stack holds, and nothing more, whenever Lua is not running. */
enum script_stack { STACK_HANDLER = 1, STACK_RUN, STACK_TRACE, STACK_TOP = STACK_TRACE };

struct script {
    lua_State *L;
    struct script_host host;
    uint32_t generation;
    int32_t root; /* the pool that is the whole route, or ANSWER_NONE: ask Lua */
    struct pool **pools;
    uint32_t pools_n;
    struct mg_batch batch;
    struct path *path_taken; /* of the request that is being traced, else NULL */
    struct log_limit log;
    char path[256]; /* as shown */
};

#endif
