/* state: the inside of a script, shared by script.c and api.c only. */
#ifndef MOONGATE_SCRIPT_STATE_H
#define MOONGATE_SCRIPT_STATE_H

#include <lua.h>

#include "base/log.h"
#include "client/generation.h"
#include "script/abi.h"
#include "script/async.h"
#include "script/script.h"

/* What the Lua stack holds, and nothing more, whenever Lua is not running. */
enum script_stack { STACK_HANDLER = 1, STACK_RUN, STACK_TRACE, STACK_TOP = STACK_TRACE };

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
    struct path *path_taken; /* of the request that is being traced, else NULL */
    struct log_limit log;
    char path[256]; /* as shown */
};

/* Gives a new state Lua's libraries and `require "moongate..."`: of the modules linked in, or of those in lua_dir. */
void library_open(lua_State *L, const char *lua_dir);

/* Let r's key or value be those bytes, which the caller copies and lets r point to the copy. Return enum mg_edit. */
int script_edit_key(struct request *r, const char *key, size_t len);
int script_edit_value(const struct script *s, struct request *r, const char *value, size_t len);

#endif
