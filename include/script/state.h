/* state: the inside of a script, shared by script.c and api*.c only. */
#ifndef MOONGATE_SCRIPT_STATE_H
#define MOONGATE_SCRIPT_STATE_H

#include <ev.h>
#include <lua.h>

#include "base/log.h"
#include "route/generation.h"
#include "script/abi.h"
#include "script/async.h"
#include "script/handle.h"
#include "script/script.h"

struct script_timer {
    ev_timer watcher; /* data: the script */
    int32_t number;
    bool is_used;
};

/* Timers do not move, so that the loop can hold them. */
struct script_timers {
    struct script_timer *all[SCRIPT_TIMERS]; /* n of them, used or not */
    int32_t n;
    int fire; /* the function's place in Lua's registry */
    bool is_running;
};

enum {
#define X(name, text, verbosity, priority) +1
    SCRIPT_LEVELS = LOG_LEVELS(X)
#undef X
};

/* What the Lua stack holds, and nothing more, whenever Lua is not running. */
enum script_stack {
    STACK_HANDLES = 1, /* see handle.h */
    STACK_NOW,
    STACK_HANDLER,
    STACK_RUN,
    STACK_TRACE,
    STACK_TOP = STACK_TRACE
};

struct script {
    lua_State *L;
    struct script_host host;
    uint32_t generation;
    int32_t root; /* the number of the route that is all of it, or ANSWER_NONE: ask Lua */
    struct generation routes;
    struct asyncs asyncs;
    struct coroutines coroutines;
    uint64_t handle; /* the last that was taken: see handle.h */
    struct pool **pools;
    uint32_t pools_n;
    struct mg_batch batch;
    struct path *path_taken; /* of the request that is being traced, else NULL */
    struct log_limit log;
    char path[256];                  /* as shown */
    uint8_t scratch[LINE_MAX_BYTES]; /* meta flags being edited */
    bool is_loaded;
    bool is_turned;    /* to a function: see handle.h */
    const char *wrong; /* see mg_wrong */
    struct log_limit levels[SCRIPT_LEVELS];
    struct script_timers timers;
    uint32_t options_given; /* a bit each */
    double options[SCRIPT_OPTIONS];
    char *text; /* SHARED_TEXT_MAX bytes: what came out of a dictionary; NULL until one is opened */
};

/* A lua_Alloc. NULL only for large blocks: for want of small ones moongate ends, as everywhere. */
void *memory_allocate(void *unused, void *block, size_t from, size_t to);

/* Makes room on the C stack, where that may be; and Lua's module moongate.depth, a function: true when it is too full. */
void depth_init(void);
int depth_load(lua_State *L);

/* Gives a new state Lua's libraries and `require "moongate..."`: of the modules linked in, or of those in lua_dir. */
void library_open(lua_State *L, const char *lua_dir);

/* Finds what Lua does when a timer fires. False: the message is on the stack. */
bool timers_init(struct script *s);
void timers_release(struct script *s);

#endif
