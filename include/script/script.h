/* script: one loaded Lua program in its own lua_State, and the pools and routes that it made.
 *
 * Owned by the turn that adopted its routes; on a reload a second is loaded beside it before it takes over, and the first ends
 * once nothing that is in flight runs on its routes. All entries into Lua are protected.
 */
#ifndef MOONGATE_SCRIPT_SCRIPT_H
#define MOONGATE_SCRIPT_SCRIPT_H

#include <stdbool.h>
#include <stdio.h>

#include "backend/backend.h"
#include "base/arena.h"
#include "base/board.h"
#include "route/turn.h"
#include "script/services.h"

struct clients;

/* What a script runs in; the same for all generations of a worker. Pointers stay owned by the worker. */
struct script_host {
    struct backends *backends;
    struct arena *arena;
    struct board_row *row;
    struct turn *turn;             /* whose slots are routed */
    const struct clients *clients; /* whose requests those are; NULL: of nobody */
    size_t max_value;
    bool strict_keys;           /* --strict-keys */
    uint32_t connections;       /* --connections */
    const char *const *servers; /* --servers */
    size_t servers_n;
    const char *const *listeners; /* --bind: names, or addresses as given */
    size_t listeners_n;
    struct metrics *metrics; /* the worker's own */
    struct shared *shared;
    uint32_t worker, workers;            /* its number, 0.., of how many */
    const struct script_option *options; /* that a script may set; ends with a NULL name */
    const char *lua_dir;                 /* --lua-dir or NULL */
    bool jit;
    bool unsafe; /* --unsafe-lua: scripts have all of Lua */
};

enum { SCRIPT_ERROR_MAX = 2048 };

struct script;

/* Loads the script whose file is `path` and whose text that is (path NULL: the script behind --servers). On failure returns NULL with the reason, file and line
 * first, in `error`, which has SCRIPT_ERROR_MAX bytes; pools made until then are gone. */
struct script *script_load(const struct script_host *host, const char *path, const char *text,
                           size_t len, uint32_t generation, char *error);

/* Lets its timers run, from when it is used on; and stops them, from when another is. Without the first, as when a script is
 * only checked, none ever does. */
void script_start_timers(struct script *s);
void script_stop_timers(struct script *s);

/* Seconds until its next timer fires; below 0: none runs. */
double script_next_timer(const struct script *s);

/* The value that the script gave host->options[at]. False: it gave none. */
bool script_option(const struct script *s, uint32_t at, double *value);

/* The largest value that it may put into a request. */
void script_set_max_value(struct script *s, size_t max_value);

/* Its pools give back their backends. Only when nothing runs on its routes: a script that a turn has adopted is destroyed by that. */
void script_destroy(struct script *s);

/* Its routes, for turn_adopt; the script ends with their last count. */
struct generation *script_routes(struct script *s);

/* A client_route_fn; router is the struct script. */
void script_route(void *router, struct request *slots, struct answer *answers, uint32_t n);

/* A client_trace_fn; likewise. */
const struct route *script_trace(void *router, struct request *slots, struct answer *answers,
                                 uint32_t at, struct path *path);

/* Prints the value of an expression in the script's globals and `mg`, or runs statements; or what was wrong. */
void script_evaluate(struct script *s, const char *text, size_t len, FILE *to);

uint32_t script_generation(const struct script *s);

/* Its pools, n of them; they stay owned by the script. */
struct pool *const *script_pools(const struct script *s, uint32_t *n);

/* Prints the pools, their servers, and the kind of route. */
void script_describe(const struct script *s, FILE *out);

/* False when this process may not make memory executable (systemd's MemoryDenyWriteExecute): the JIT must stay off. */
bool script_jit_is_possible(void);

#endif
