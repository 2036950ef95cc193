/* script: one loaded Lua program in its own lua_State, and the pools and routes that it made. The head of script.c says how
 * it works.
 *
 * script_load makes it, in a worker or in a tool. Once a turn has adopted its routes (turn_adopt), it ends with their last
 * reference; one that was never adopted is destroyed by what loaded it. On a reload the next script is loaded beside the
 * one in use.
 */
#ifndef MOONGATE_SCRIPT_SCRIPT_H
#define MOONGATE_SCRIPT_SCRIPT_H

#include <stdbool.h>
#include <stdio.h>

#include "backend/backend.h"
#include "base/arena.h"
#include "base/board.h"
#include "net/rules.h"
#include "route/turn.h"
#include "script/services.h"

struct bundle;
struct certificate;
struct clients;
struct script;
struct store;
struct store_region;
struct users;
struct tickets;
struct tls_context;
struct tls_files;

/* What a worker, or a tool, gives to all its scripts. What pointers point to stays the worker's, and outlives the scripts. */
struct script_host {
    struct backends *backends;
    struct arena *arena;
    struct board_row *row;
    struct turn *turn;             /* whose slots are routed */
    const struct clients *clients; /* that sent those requests; NULL: there are none */
    size_t max_value;              /* --max-value, bytes */
    bool strict_keys;              /* --strict-keys */
    uint32_t connections;          /* --connections */
    const char *const *servers;    /* --servers */
    size_t servers_n;
    uint64_t store_size;          /* --store; 0: not given */
    const char *const *listeners; /* by number: names, or addresses as written; NULL: none yet */
    const char *const *addresses; /* likewise, of those of scripts; or NULL */
    size_t listeners_n;
    uint16_t port;            /* --port */
    const char *const *bound; /* --bind, where it is given: bound_n items */
    size_t bound_n;
    const char *as_client;   /* req.client of a request that no client has sent, or NULL */
    int32_t as_listener;     /* likewise the number of its listener, from 1 on; 0: none */
    struct metrics *metrics; /* the worker's own */
    struct shared *shared;
    struct store_region
        *stores; /* where mg.store makes its stores; NULL: there is no memory for them */
    const struct heat *heat;  /* of its clients' keys; NULL: none is known */
    struct samples *samples;  /* of its clients' requests; NULL: none are kept */
    uint32_t worker, workers; /* its number, from 0 on, and how many there are */
    struct bundle *bundle; /* where the script's files are; NULL: on the disk. Each script takes a
                              reference */
    const struct script_option
        *options;          /* those that a script may set, then a NULL name; or NULL */
    const char *auth_file; /* --auth-file or NULL */
    const struct tls_files
        *tls;                /* TLS for clients as the command line says; NULL: nobody is served */
    struct tickets *tickets; /* for their sessions; NULL: there are none */
    const char *chunk;   /* what Lua calls the script's text in places and errors; NULL: its path */
    const char *lua_dir; /* --lua-dir or NULL */
    double script_timeout; /* --script-timeout; 0: none */
    size_t script_memory;  /* --script-memory, bytes; 0: no limit */
    bool memory_is_given;  /* by the command line: mg.options does not change it */
    /* Called once when what the script keeps is above that, with `about`; or NULL. */
    void (*on_full)(void *about, const struct script *s);
    /* Takes a script that has ended, and destroys it when it likes; NULL: it is destroyed at once. */
    void (*bury)(void *about, struct script *s);
    void *about;
    bool jit;
    bool unsafe; /* --unsafe-lua: scripts have all of Lua */
};

enum { SCRIPT_ERROR_MAX = 2048 };

/* Loads a script: the file `path` with that text, or (path NULL) the built-in script of --servers or --store. NULL: it cannot be
 * loaded, and `error`, which has SCRIPT_ERROR_MAX bytes, says why, with file and line; nothing of it is left. */
struct script *script_load(const struct script_host *host, const char *path, const char *text,
                           size_t len, uint32_t generation, char *error);

/* How the built-in script is called in messages: that of --store, or that of --servers. */
const char *script_built_in(bool is_store);

/* Starts its timers, when it comes into use; stops them, when another script does. A script that is only checked is never
 * started. */
void script_start_timers(struct script *s);
void script_stop_timers(struct script *s);

/* Seconds until its next timer fires; below 0: it has none that runs. */
double script_next_timer(const struct script *s);

/* The value to which the script has set host->options[at]. False: it has not set it. */
bool script_option(const struct script *s, uint32_t at, double *value);

/* The largest value, in bytes, that it may put into a request: what it has set --max-value to. */
void script_set_max_value(struct script *s, size_t max_value);

/* Likewise how long it may take at a time: --script-timeout. */
void script_set_timeout(struct script *s, double seconds);

/* Frees a script that no turn has adopted; its pools give back their backends. */
void script_destroy(struct script *s);

/* Its routes, for turn_adopt. The script is destroyed with their last reference. */
struct generation *script_routes(struct script *s);

/* A route_ask_fn; router is the struct script. */
void script_route(void *router, struct request *slots, struct answer *answers, uint32_t n);

/* What explain asks a script; likewise. */
extern const struct route_tracer script_tracer;

/* Prints the value of an expression, or runs statements, with the script's globals and `mg`. An error is printed likewise. */
void script_evaluate(struct script *s, const char *text, size_t len, FILE *to);

/* The number that it was loaded with. */
uint32_t script_generation(const struct script *s);

/* Where its files are; NULL: on the disk. */
const struct bundle *script_bundle(const struct script *s);

/* Who may be its client: the users of host->auth_file, as they were when it was loaded. They stay the script's. NULL: everybody. */
struct users *script_users(const struct script *s);

/* Its listeners, as items of --bind, from 0 on, and their names; NULL after the last. They stay the script's. */
const char *script_listener(const struct script *s, uint32_t at, const char **name);

/* With what a client that came by the listener with that number begins, by the rules of that listener (net/rules.h). */
enum script_secures {
    SCRIPT_PLAIN,
    SCRIPT_SECURE,        /* *to, which stays the script's */
    SCRIPT_CANNOT_SECURE, /* it must be TLS, and there is no certificate: it is not served */
};
enum script_secures script_secures(struct script *s, uint32_t listener, enum rules_tls tls,
                                   struct tls_context **to);

/* The certificates that clients see, from 0 on; NULL after the last. They stay the script's. */
const struct certificate *script_certificate(const struct script *s, uint32_t at);

/* Requests by that listener, its name or address, have a route. NULL: those by none, or by the only one that there is. */
bool script_serves(const struct script *s, const char *listener);

/* Its stores, each once, n of them. The list stays the script's; the stores are the region's. */
struct script_store {
    struct store *store;
    char text[72]; /* "store NAME", as its route */
};
const struct script_store *script_stores(const struct script *s, uint32_t *n);

/* Its pools, n of them; they stay the script's. */
struct pool *const *script_pools(const struct script *s, uint32_t *n);

/* What it should change, though it works, with file and line; NULL after the last. */
const char *script_warning(const struct script *s, uint32_t at);

/* Prints the pools, their servers, the listeners, the warnings and the route that it returned. */
void script_describe(const struct script *s, FILE *out);

/* False when this process may not make memory executable (as with systemd's MemoryDenyWriteExecute): then the JIT must stay
 * off. */
bool script_jit_is_possible(void);

#endif
