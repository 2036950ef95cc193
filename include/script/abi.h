/* abi: everything that C and Lua say to each other, read by both compilers.
 *
 * The build preprocesses this file (MOONGATE_CDEF) into the text that LuaJIT's ffi.cdef gets, so the two sides cannot drift;
 * tests/unit/script/abi_test.c compares every size and offset all the same. Only lua/moongate/abi.lua calls these functions.
 *
 * Rules: a function here queues or copies and returns; none enters Lua again and none raises. None returns a uint32_t: code that
 * LuaJIT compiles for x64 takes all of the register for it, and C leaves anything in its upper half. Strings are length-counted
 * and need no NUL. `s` is the script that Lua runs in; Lua got it when it was booted.
 */
#ifndef MOONGATE_SCRIPT_ABI_H
#define MOONGATE_SCRIPT_ABI_H

#include "backend/settings.h"
#include "protocol/request.h"
#include "route/route.h"
#include "route/routes.h"
#include "script/fills.h"
#include "script/requests.h"
#include "script/services.h"

#ifndef MOONGATE_CDEF
#include <stddef.h>
#endif

enum { MG_ABI_VERSION = 4 };

struct script;

/* What C hands to Lua when it boots it. */
struct mg_batch {
    struct request *slots;  /* capacity of them, the same for the life of the worker */
    struct answer *answers; /* one a slot */
    uint32_t capacity;
    uint32_t
        at; /* the slot being routed, so that an error costs that one only; capacity: none is */
    struct request *request; /* of the function that runs; NULL: it has said how it ends */
};

/* A server that a pool names: what its text leaves open, and settings of its own. Times in seconds. */
struct mg_server_options {
    const char *name; /* on the ring; NULL: as the text or the pool's naming says */
    size_t name_len;
    int32_t
        port; /* above 0: the text is a host alone; below 0: an address without weight or name */
    double weight; /* below 0: as the text says */
    double timeout;
    struct backend_settings backend;
};

/* What options choose from; the numbers of choices are C's enums. */
enum mg_choice {
    MG_DISTRIBUTION,
    MG_HASH,
    MG_NAMING,
    MG_ORDER,
    MG_ON_FAILURE,
    MG_LEVEL,
    MG_PROBE,
    MG_REQUESTS
};

/* Options of a pool. Choices as numbers, looked up with mg_find. */
struct mg_pool_options {
    const char *name;
    size_t name_len;
    const char *hash_tag;  /* two bytes, or NULL */
    const char *hash_stop; /* or NULL */
    size_t hash_stop_len;
    const char *unhashed_prefix; /* or NULL */
    size_t unhashed_prefix_len;
    double seed;
    const char *seed_text; /* hashed for the seed; or NULL */
    size_t seed_text_len;
    double eject_floor;
    const char *discover; /* a URL, or NULL */
    size_t discover_len;
    double discover_interval;
    double discover_timeout;
    double discover_debounce;
    struct mg_server_options
        server;      /* of its servers, where they have none of their own; name and weight unused */
    uint32_t points; /* a server of weight 1 has; 0: as many as the distribution gives */
    int32_t distribution;
    int32_t hash; /* -1: as the distribution wants */
    int32_t naming;
    int32_t order;
    int32_t on_failure;
    bool weighted;
    bool hash_empty_tag;
    bool discover_shrink;
};

/* A number among the options of a server: its place in struct backend_settings and its bounds. */
struct mg_setting {
    const char *name;
    double least;
    double most;
    bool is_whole;
};

/* The ABI that C was compiled with. */
int32_t mg_abi_version(void);

/* The text of enum command; NULL behind the last. */
const char *mg_command_text(uint32_t command);

/* Decides slot `at`: refused with `SERVER_ERROR text`. The text is copied. */
void mg_refuse(struct script *s, uint32_t at, const char *text, size_t len);

/* A step of the way that is being traced, in words. */
void mg_step(struct script *s, const char *text, size_t len);

/* Fills in the defaults that the command line gives. */
void mg_pool_defaults(struct script *s, struct mg_pool_options *o);

/* The number of a choice's name, -1 when there is no such name; and its names, 0.. , NULL behind the last. */
int32_t mg_find(uint32_t choice, const char *name, size_t len);
const char *mg_choice_name(uint32_t choice, uint32_t at);

/* True when a distribution hashes keys in its own way, so that the option `hash` would be without effect. */
bool mg_hashes_itself(int32_t distribution);

/* True when the option `points` is of use to a distribution. */
bool mg_takes_points(int32_t distribution);

/* The fields of struct backend_settings, 0.. ; NULL behind the last. */
const struct mg_setting *mg_setting(uint32_t at);

/* Makes an empty pool and returns its number; then its servers are added (NULL, or what is wrong), and it is closed (the
 * same). */
int32_t mg_pool_open(struct script *s, const struct mg_pool_options *o);
const char *mg_pool_add(struct script *s, int32_t pool, const char *server, size_t len,
                        const struct mg_server_options *o);
const char *mg_pool_close(struct script *s, int32_t pool);

/* The name of a pool. */
const char *mg_pool_name(struct script *s, int32_t pool);

/* The bits of enum result_kind with that name: "timeout", "miss"; "error" for all that another server may do better with. 0: there
 * is none. And the names, 0.. ; NULL behind the last. */
int32_t mg_result_bits(const char *name, size_t len);
const char *mg_result_name(uint32_t at);

/* Makes a route of `kind` (enum route_kind, but for pools), with n children, given by their numbers; `text` is the text of a FAIL,
 * else the route's name for stats and explain; the words tell its kind what else it wants to know. Returns its number. */
int32_t mg_route_add(struct script *s, uint32_t kind, const struct route_options *o,
                     const int32_t *children, uint32_t n, const char *text,
                     const struct route_word *words, uint32_t words_n);

/* NULL, or what is wrong with the words and options of a ROUTE_HASH: a sentence that goes on from its name. */
const char *mg_hash_refuses(const struct route_options *o, const struct route_word *words,
                            uint32_t n);

/* A number from 0 to below 2^53 that a text always has; and a text that this host alone has (its name). */
double mg_hash_text(const char *text, size_t len);
const char *mg_host(void);

/* --- functions that wait. `at` and `serial` are the handle of one: a place and a number that tells it from others there. */

/* What mg_async_finish ends with. */
enum mg_finish { MG_FINISH_ROUTE, MG_FINISH_MISS, MG_FINISH_FAIL };

/* How long a function waits: until all, one, one hit, more than half, or `needed` of its calls are good. */
enum mg_wait { MG_WAIT_ALL, MG_WAIT_FIRST, MG_WAIT_HIT, MG_WAIT_MAJORITY, MG_WAIT_COUNT };

/* What a function is given when it goes on: the response of its call, a table of them (false for those that have none yet), or
 * nothing. */
enum mg_gives { MG_GIVES_ONE, MG_GIVES_LIST, MG_GIVES_NOTHING };

/* Of a function's number: it may wait. */
enum { MG_WAITS = 1 << 30 };

/* Why a call could not be made, or a value not be answered: below 0. */
enum mg_call_error {
    MG_CALL_OVER = -1,
    MG_CALL_BAD_KEY = -2,
    MG_CALL_BAD_NUMBER = -3,
    MG_CALL_TOO_LARGE = -4,
    MG_CALL_TOO_MANY = -5,
    MG_CALL_TOO_MUCH = -6,
    MG_CALL_NO_VALUE = -7
};

/* A value to answer with. */
struct mg_value {
    const char
        *bytes; /* NULL: those of the function's calls first..first+n-1, one behind the other */
    size_t len;
    uint32_t first, n;
    uint64_t flags;
    uint64_t cas;
    double ttl;    /* seconds; -1: for ever */
    char marks[4]; /* of mg: those of W, X and Z that the answer has; up to a NUL */
};

/* The request of the function that runs is rewritten. */
void mg_async_touch(struct script *s);

/* Sends r, its own request or one that the script made, through a route. Returns the call's number, 0.. ; or enum mg_call_error.
 * timeout in seconds; 0: that of the pools. */
int32_t mg_async_call(struct script *s, uint32_t at, uint32_t serial, int32_t route,
                      const struct request *r, double timeout);

/* A call that is answered already: with an error of that text, or, NULL, a miss. Returns as mg_async_call. */
int32_t mg_async_answer(struct script *s, uint32_t at, uint32_t serial, const char *text,
                        size_t len);

/* The result of a call of the function that runs; false while there is none. And a meta flag of its response. */
bool mg_async_result(struct script *s, uint32_t call, struct mg_result *out);
bool mg_async_flag(struct script *s, uint32_t call, uint32_t letter, struct mg_bytes *out);

/* Changes what a response shows: its value (text, len), or with `what` MG_RESULT_FLAGS, MG_RESULT_CAS that number. 0 or enum
 * mg_edit. */
enum mg_result_part { MG_RESULT_VALUE, MG_RESULT_FLAGS, MG_RESULT_CAS };
int32_t mg_async_rewrite(struct script *s, uint32_t call, uint32_t what, const char *text,
                         size_t len, uint64_t number);

/* Ends it: with the number of a route, a miss, or the text of an error that the client gets. */
void mg_async_finish(struct script *s, uint32_t at, uint32_t serial, uint32_t what, int32_t route,
                     const char *text, size_t len);

/* Ends it with a value; and decides slot `slot` so. Return 0 or enum mg_call_error. */
int32_t mg_async_finish_value(struct script *s, uint32_t at, uint32_t serial,
                              const struct mg_value *value);
int32_t mg_answer_value(struct script *s, uint32_t slot, const struct mg_value *value);

/* Sends a request through a route and forgets it. Returns 0 or enum mg_call_error. */
int32_t mg_spawn(struct script *s, int32_t route, const struct request *r);

/* The number of the command with that name (what mg_request_make takes); -1: there is none. */
int32_t mg_find_command(const char *name, size_t len);

/* A pool that was closed without a server gets those that o->discover says. NULL, or what is wrong with it. */
const char *mg_pool_follow(struct script *s, int32_t pool, const struct mg_pool_options *o);

/* The servers named with --servers, 0.. ; NULL behind the last. */
const char *mg_server(struct script *s, uint32_t at);

#endif
