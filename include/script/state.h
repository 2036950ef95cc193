/* state: the inside of a script, for the files of src/script alone. Owner and life: see script.h. */
#ifndef MOONGATE_SCRIPT_STATE_H
#define MOONGATE_SCRIPT_STATE_H

#include <ev.h>
#include <lua.h>

#include "base/log.h"
#include "route/generation.h"
#include "script/abi.h"
#include "script/async.h"
#include "script/contexts.h"
#include "script/handle.h"
#include "script/listens.h"
#include "script/runs.h"
#include "script/script.h"
#include "script/script_memory.h"
#include "script/script_time.h"
#include "script/spools.h"

struct script_timer {
    ev_timer watcher; /* data: the script */
    int32_t number;
    bool is_used;
    char place[HEARTBEAT_PLACE]; /* "the timer at script.lua:5", or "a timer" */
};

/* Timers are allocated one by one, and freed with the script: the loop has pointers to their watchers. Invariant: only
 * those that are used can be active, and only while is_running. */
struct script_timers {
    struct script_timer *all[SCRIPT_TIMERS]; /* n of them, used or not */
    int32_t n;
    int fire;                                  /* place in Lua's registry: timer.lua's function */
    const struct script_timer *volatile fires; /* whose function runs, or NULL */
    bool is_running;                           /* the script is in use, and there is a loop */
};

/* What a pool, a server of a pool and a policy count for as memory of the script: more than each of them takes. */
enum { POOL_BYTES = 2048, SERVER_BYTES = 8192, ROUTE_BYTES = 512 };

enum { SCRIPT_WARNINGS = 20 };

enum {
#define X(name, text, verbosity, priority) +1
    SCRIPT_LEVELS = LOG_LEVELS(X)
#undef X
};

/* What the Lua stack holds, and nothing else, whenever Lua does not run. */
enum script_stack {
    STACK_HANDLES = 1, /* a table, see handle.h */
    STACK_NOW,         /* likewise */
    STACK_HANDLER,     /* the function that adds a traceback to an error */
    STACK_RUN,         /* boot.lua's run: routes a range of slots */
    STACK_TRACE,       /* boot.lua's trace: routes one slot for explain */
    STACK_TOP = STACK_TRACE
};

/* Invariant (script_sane): between two entries into Lua, its stack is as enum script_stack says, and coroutines.running, path_taken
 * and model are NULL. I2: batch.request and `now` name the request of the function that runs, or none. I7: batch.at is the
 * slot that is routed. */
struct script {
    lua_State *L;
    struct script_host host;
    uint32_t generation;
    struct users *users; /* see script_users */
    int32_t root; /* the number of the route that it returned; ANSWER_NONE: that is a function */
    struct generation routes;
    struct asyncs asyncs;
    struct coroutines coroutines;
    uint32_t spawned; /* requests of mg.spawn that have not ended */
    uint64_t handle;  /* the number of the last one that was given out: see handle.h */
    struct pool **pools;
    uint32_t pools_n;
    struct script_store *stores; /* stores_n of them, each once */
    uint32_t stores_n;
    uint32_t *tls; /* numbers of TLS settings (backend/secure.h), with a reference each */
    uint32_t tls_n;
    uint32_t *credentials; /* the same of backend/credential.h */
    uint32_t credentials_n;
    struct mg_batch batch;
    struct script_time time;
    struct script_memory memory;
    struct path *path_taken; /* of the request that is traced, else NULL */
    struct model *model; /* while explain follows one of its functions, see follow.h; else NULL */
    struct run_sample *run_samples; /* samples_n of them, see mg_sample */
    uint32_t samples_n;
    struct log_limit log;                   /* of its errors */
    char path[256];                         /* as log lines show it */
    char root_place[HEARTBEAT_PLACE];       /* "the function at script.lua:5"; "": no function */
    uint8_t scratch[LINE_MAX_BYTES];        /* meta flags that are being rewritten */
    bool is_loaded;                         /* it has returned its route */
    bool is_turned;                         /* `now` has the request of a function that waits */
    const char *wrong;                      /* see mg_wrong */
    struct log_limit levels[SCRIPT_LEVELS]; /* of the lines that it logs itself */
    struct script_timers timers;
    struct script_listens listens;
    struct script_spools spools;
    struct script_contexts contexts;
    uint32_t options_given; /* a bit for each option that it has set */
    double options[SCRIPT_OPTIONS];
    char *warnings[SCRIPT_WARNINGS]; /* warnings_n of them, owned */
    uint32_t warnings_n;
    char *text; /* SHARED_TEXT_MAX bytes, to read from dictionaries; NULL: it has opened none */
};

/* Makes the C stack as large as depth.c wants, if it may, and notes where it begins. Then Lua's module moongate.depth: a
 * function that returns true when the stack is too full. */
void depth_init(void);
int depth_load(lua_State *L);

/* Gives a new state Lua's libraries and `require "moongate..."`: the modules that are linked in, or those of lua_dir. */
void library_open(lua_State *L, const char *lua_dir);

/* Counts an error that costs r, also in the samples: r is one that the script in use failed. */
void failure_count(struct script *s, const struct request *r);

/* Notes for who watches files that a pool follows the URL. Nothing unless it is a file's. */
void script_note_discovery(struct script *s, const char *url, size_t len);

/* The files that discover_auth and discover_tls name. NULL, or what is wrong; access_release in either case. */
const char *script_read_access(struct script *s, const struct mg_pool_options *o,
                               struct discovery_access *to);

/* True in the child that checks the script: what it reads is noted in the bundle. Then where it listens is noted, too, with the addresses
 * for which the item stands, a line each. False: the bundle is full. */
bool script_notes(const struct script *s);
bool script_note_listener(struct script *s, const char *item, const char *addresses);
bool script_note_spool(struct script *s, const char *dir, const char *bounds);
bool script_note_store(struct script *s, const char *name, size_t len, const char *settings);

/* The first answer for a slot: what is known of it without Lua. */
int32_t script_first_answer(struct script *s, struct request *r, struct answer *a);

/* Gives back the TLS settings that it has made; its pools are gone. */
void tls_release(struct script *s);
void auth_release(struct script *s); /* and the credentials */

/* Finds timer.lua's function that is called when a timer fires. False: the message is on the stack. */
bool timers_init(struct script *s);

/* Stops and frees all timers. */
void timers_release(struct script *s);

#endif
