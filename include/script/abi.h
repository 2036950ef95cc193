/* abi: the functions and structs by which C and Lua work together, read by both compilers. With its parts fills.h,
 * requests.h and services.h, and the headers that it includes, it is all of them. C owns what a function returns.
 *
 * The build preprocesses this file (MOONGATE_CDEF) into the text that LuaJIT's ffi.cdef gets, so the two sides cannot
 * differ; tests/unit/script/abi_test.c still compares every size and offset. lua/moongate/abi.lua alone uses the
 * FFI.
 *
 * Rules. A function here queues or copies, and returns: none enters Lua again, and none raises an error. None returns a
 * uint32_t: code that LuaJIT compiles for x64 reads the whole register, and C leaves the upper half undefined. Strings come
 * with their length and need no NUL. Seconds are doubles. `s` is the script that Lua runs in, whose address Lua got when it
 * was booted. Numbers of pools, routes and dictionaries are those that C gave out: moongate's Lua modules see to that,
 * scripts never get one.
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

enum { MG_ABI_VERSION = 10 };

struct script;

/* What C and Lua share of a turn, at one address as long as the script lives. The script owns it, the worker the arrays. */
struct mg_batch {
    struct request *slots;  /* the turn's, `capacity` of them */
    struct answer *answers; /* one for each slot */
    uint32_t capacity;
    uint32_t
        at; /* I7: the slot that is routed, so that an error costs that one only; or capacity */
    struct request *request; /* of the function that runs; NULL: none runs, or its end is decided */
};

/* One server of a pool: what its text does not say, and its own settings. Times in seconds. */
struct mg_server_options {
    const char *name; /* on the ring; NULL: as the text or the pool's naming says */
    size_t name_len;
    int32_t port;   /* above 0: the text is a host; below 0: the text is an address without weight
                      or name; 0: it may have both */
    double weight;  /* below 0: as the text says */
    double timeout; /* or INFINITY */
    struct backend_settings backend;
};

/* The sets of names from which options choose. A name's number is that of the enum in C. */
enum mg_choice {
    MG_DISTRIBUTION,
    MG_HASH,
    MG_NAMING,
    MG_ORDER,
    MG_ON_FAILURE,
    MG_LEVEL,
    MG_PROBE,
    MG_REQUESTS,
    MG_PROTOCOL,
    MG_ASK,
    MG_TEXTS,
    MG_EJECT
};

/* The options of a pool. Choices are numbers, from mg_find. Strings are copied. */
struct mg_pool_options {
    const char *name;
    size_t name_len;
    const char *hash_tag;  /* two bytes, or NULL */
    const char *hash_stop; /* or NULL */
    size_t hash_stop_len;
    const char *unhashed_prefix; /* or NULL */
    size_t unhashed_prefix_len;
    double seed;
    const char *seed_text; /* its hash is the seed; NULL: `seed` is */
    size_t seed_text_len;
    double eject_floor;
    double eject_retry;
    const char *discover; /* a URL, or NULL */
    size_t discover_len;
    double discover_interval;
    double discover_timeout;
    double discover_debounce;
    const char *discover_auth; /* paths of files, or NULL */
    const char *discover_ca;
    const char *discover_cert;
    const char *discover_key;
    struct mg_server_options server; /* for servers without their own; name and weight unused */
    uint32_t points; /* of a server of weight 1; 0: as many as the distribution gives */
    int32_t distribution;
    int32_t hash; /* -1: the distribution's default */
    int32_t naming;
    int32_t order;
    int32_t on_failure;
    bool weighted;
    bool hash_empty_tag;
    bool discover_shrink;
    bool discover_secure; /* discover_tls; the next: verify = false */
    bool discover_any_certificate;
};

/* The option `tls` of a pool or a server. The strings end with a NUL; NULL: not given. */
struct mg_tls_options {
    const char *ca; /* paths, as files.lua reads them */
    const char *cert;
    const char *key;
    const char *name;    /* what the certificate is for */
    const char *min;     /* "1.2", "1.3" */
    const char *ciphers; /* as openssl ciphers(1) has them */
    bool verify;
};

/* An option of a server that is a number: its field in struct backend_settings, and its bounds. */
struct mg_setting {
    const char *name;
    double least;
    double most;
    bool is_whole;
};

/* MG_ABI_VERSION as C was compiled with it. */
int32_t mg_abi_version(void);

/* The name of a command (enum command); NULL after the last. */
const char *mg_command_text(uint32_t command);

/* Decides slot `at`: `SERVER_ERROR text`. The text has no CR and LF, and is copied. */
void mg_refuse(struct script *s, uint32_t at, const char *text, size_t len);

/* Adds a step to the path of the request that is traced, for explain. Nothing when none is. */
void mg_step(struct script *s, const char *text, size_t len);

/* Fills in the defaults of all options; some come from the command line. */
void mg_pool_defaults(struct script *s, struct mg_pool_options *o);

/* The number of a name in a choice, -1: there is no such name. And its names, from 0 on; NULL after the last. */
int32_t mg_find(uint32_t choice, const char *name, size_t len);
const char *mg_choice_name(uint32_t choice, uint32_t at);

/* True when a distribution hashes keys in its own way, so that the option `hash` has no effect. */
bool mg_hashes_itself(int32_t distribution);

/* True when the option `points` has an effect on a distribution. */
bool mg_takes_points(int32_t distribution);

/* The options of a server that are numbers, from 0 on; NULL after the last. */
const struct mg_setting *mg_setting(uint32_t at);

/* Reads the files of *o and returns the number of these settings, for the field `tls` of a server. 0: mg_wrong says what is wrong. Only
 * while the script loads. */
int32_t mg_tls(struct script *s, const struct mg_tls_options *o);

/* The same for the field `auth`: who moongate is to the server, by a file with a line `user:password`. */
int32_t mg_auth(struct script *s, const char *file, bool sasl);

/* Makes an empty pool and returns its route's number. Then mg_pool_add adds its servers, and mg_pool_close closes it: from
 * then on it is constant but for discovery. Both return NULL, or what is wrong. Only while the script loads. */
int32_t mg_pool_open(struct script *s, const struct mg_pool_options *o);
const char *mg_pool_add(struct script *s, int32_t pool, const char *server, size_t len,
                        const struct mg_server_options *o);
const char *mg_pool_close(struct script *s, int32_t pool);

/* After mg_pool_close: which server it has twice, as a sentence that continues after "mg.pool"; NULL: none. */
const char *mg_pool_twin(struct script *s, int32_t pool);

/* Likewise, when its servers want more connections than a process may have descriptors. */
const char *mg_pool_excess(struct script *s, int32_t pool);

/* Notes what the script should change, though it works. Only while it loads; a few are kept. */
void mg_warn(struct script *s, const char *text, size_t len);

/* The name of a pool. */
const char *mg_pool_name(struct script *s, int32_t pool);

/* How many servers the pool of that route has; MG_NO_POOL: the route is none; MG_DISCOVERED: they are discovered. The name of one of
 * them; and the route, with a number of its own, to that server alone, which text names. Only while the script loads. */
enum { MG_NO_POOL = -1, MG_DISCOVERED = -2 };
int32_t mg_pool_size(struct script *s, int32_t route);
bool mg_pool_places(struct script *s,
                    int32_t route); /* it sends a key to the same server each time */
const char *mg_pool_server(struct script *s, int32_t route, int32_t at);
int32_t mg_pool_one(struct script *s, int32_t route, int32_t at, const char *text);

/* The bits of enum result_kind with that name: "timeout", "miss"; "error" is all of RESULT_FAILS_OVER. 0: there is no such
 * name. And the names, from 0 on; NULL after the last. */
int32_t mg_result_bits(const char *name, size_t len);
const char *mg_result_name(uint32_t at);

/* Makes a route of `kind` (enum route_kind, but not a pool) with n children, given by their numbers. `text` is what a FAIL
 * answers, else the route's name in stats and explain. routes.h says which options and words a kind reads. All is copied.
 * Returns its number. Only while the script loads. */
int32_t mg_route_add(struct script *s, uint32_t kind, const struct route_options *o,
                     const int32_t *children, uint32_t n, const char *text,
                     const struct route_word *words, uint32_t words_n);

/* For explain: a value, with flags, that the waiting function of that number (without MG_WAITS) treats in a way of its own, and what
 * to call an answer with it: "a hit (an index)". Only while the script loads. */
void mg_sample(struct script *s, uint32_t function, const char *name, const char *value,
               double flags);

/* What is wrong with the words and options of a ROUTE_HASH, to print after the policy's name; NULL: nothing. */
const char *mg_hash_refuses(const struct route_options *o, const struct route_word *words,
                            uint32_t n);

/* The hash of a text, a whole number below 2^53, the same on every machine. And this machine's host name. */
double mg_hash_text(const char *text, size_t len);
const char *mg_host(void);

/* --- functions that wait: `at` and `serial` name one, by its place in the script's table and a serial number */

/* How mg_async_finish ends a function. */
enum mg_finish { MG_FINISH_ROUTE, MG_FINISH_MISS, MG_FINISH_FAIL };

/* How long a function waits: until all of its calls have ended, or one without an error, or one with a hit, or more than
 * half or `needed` of them without an error. Always until all have ended at the latest. */
enum mg_wait { MG_WAIT_ALL, MG_WAIT_FIRST, MG_WAIT_HIT, MG_WAIT_MAJORITY, MG_WAIT_COUNT };

/* What the call that waits returns: a response; a table of responses, with false for calls that have not ended; or nothing. */
enum mg_gives { MG_GIVES_ONE, MG_GIVES_LIST, MG_GIVES_NOTHING };

/* Set in the number of a function that may wait. */
enum { MG_WAITS = 1 << 30 };

/* Why a call could not be made, or a value could not be the answer. All are below 0. */
enum mg_call_error {
    MG_CALL_OVER = -1,
    MG_CALL_BAD_KEY = -2,
    MG_CALL_BAD_NUMBER = -3,
    MG_CALL_TOO_LARGE = -4,
    MG_CALL_TOO_MANY = -5,
    MG_CALL_TOO_MUCH = -6,
    MG_CALL_NO_VALUE = -7,
    MG_CALL_NO_MEMORY = -8,
    MG_CALL_TOO_MANY_SPAWNED = -9
};

/* A value to answer with. */
struct mg_value {
    const char *bytes; /* NULL: the values of calls first..first+n-1, one after the other */
    size_t len;
    uint32_t first, n;
    uint64_t flags;
    uint64_t cas;
    double ttl;    /* seconds; -1: it does not expire */
    char marks[4]; /* for mg: those of W, X and Z that the answer shows, then a NUL */
};

/* Notes that the script rewrites the request of the function that runs: it is checked again before it is sent. */
void mg_async_touch(struct script *s);

/* Sends r, the function's own request or one that the script made, through a route, when the turn comes to its slot. r is
 * copied. timeout: seconds; 0: that of the pools. Returns the call's number, from 0 on, or enum mg_call_error. */
int32_t mg_async_call(struct script *s, uint32_t at, uint32_t serial, int32_t route,
                      const struct request *r, double timeout);

/* Makes a call that has ended: with an error of that text, or (text NULL) with a miss. Returns what mg_async_call returns. */
int32_t mg_async_answer(struct script *s, uint32_t at, uint32_t serial, const char *text,
                        size_t len);

/* The result of a call of the function that runs; false: it has not ended. And what follows a meta flag of its response;
 * false: it has no such flag. */
bool mg_async_result(struct script *s, uint32_t call, struct mg_result *out);
bool mg_async_flag(struct script *s, uint32_t call, uint32_t letter, struct mg_bytes *out);

/* Rewrites a response: its value (text, len), or its flags or cas (number). The text is copied. Returns enum mg_edit. */
enum mg_result_part { MG_RESULT_VALUE, MG_RESULT_FLAGS, MG_RESULT_CAS };
int32_t mg_async_rewrite(struct script *s, uint32_t call, uint32_t what, const char *text,
                         size_t len, uint64_t number);

/* Ends a function: with what a route answers, with a miss, or with `SERVER_ERROR text`. Nothing when it is over. */
void mg_async_finish(struct script *s, uint32_t at, uint32_t serial, uint32_t what, int32_t route,
                     const char *text, size_t len);

/* Ends a function with a value; and decides slot `slot` with one. Both copy it and return 0 or enum mg_call_error. */
int32_t mg_async_finish_value(struct script *s, uint32_t at, uint32_t serial,
                              const struct mg_value *value);
int32_t mg_answer_value(struct script *s, uint32_t slot, const struct mg_value *value);

/* Sends a copy of r through a route; nobody gets the result. Returns 0 or enum mg_call_error. */
int32_t mg_spawn(struct script *s, int32_t route, const struct request *r);

/* The number of the command with that name, for mg_request_make; -1: there is none. */
int32_t mg_find_command(const char *name, size_t len);

/* Lets a pool that was closed without servers follow o->discover. NULL, or what is wrong with that. */
const char *mg_pool_follow(struct script *s, int32_t pool, const struct mg_pool_options *o);

/* The servers of --servers, from 0 on; NULL after the last. */
const char *mg_server(struct script *s, uint32_t at);

#endif
