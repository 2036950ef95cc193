/* abi: everything that C and Lua say to each other, read by both compilers.
 *
 * The build preprocesses this file (MOONGATE_CDEF) into the text that LuaJIT's ffi.cdef gets, so the two sides cannot drift;
 * tests/unit/abi_test.c compares every size and offset all the same. Only lua/moongate/abi.lua calls these functions.
 *
 * Rules: a function here queues or copies and returns; none enters Lua again and none raises. Strings are length-counted
 * and need no NUL. `s` is the script that Lua runs in; Lua got it when it was booted.
 */
#ifndef MOONGATE_SCRIPT_ABI_H
#define MOONGATE_SCRIPT_ABI_H

#include "backend/settings.h"
#include "client/route.h"
#include "protocol/request.h"
#include "script/services.h"

#ifndef MOONGATE_CDEF
#include <stddef.h>
#endif

enum { MG_ABI_VERSION = 1 };

struct script;

/* What C hands to Lua when it boots it. */
struct mg_batch {
    struct request *slots;  /* capacity of them, the same for the life of the worker */
    struct answer *answers; /* one a slot */
    uint32_t capacity;
    uint32_t at; /* the slot being routed, so that an error costs that one only */
};

/* What a request may not be rewritten to. */
enum mg_edit {
    MG_EDIT_OK,
    MG_EDIT_OVER,      /* the request was routed already */
    MG_EDIT_BAD_KEY,   /* not 1..250 bytes without spaces and control bytes */
    MG_EDIT_TOO_LARGE, /* a value over --max-value */
    MG_EDIT_NO_VALUE,  /* the command carries none */
};

/* A server that a pool names: what its text leaves open, and settings of its own. Times in seconds. */
struct mg_server_options {
    const char *name; /* on the ring; NULL: as the text or the pool's naming says */
    size_t name_len;
    double weight; /* below 0: as the text says */
    double timeout;
    struct backend_settings backend;
};

/* What options choose from; the numbers of choices are C's enums. */
enum mg_choice { MG_DISTRIBUTION, MG_HASH, MG_NAMING, MG_ORDER, MG_ON_FAILURE, MG_LEVEL };

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
uint32_t mg_abi_version(void);

/* The text of enum command; NULL behind the last. */
const char *mg_command_text(uint32_t command);

/* True when the key begins with those bytes. */
bool mg_request_has_prefix(const struct request *r, const char *prefix, size_t len);

/* Put another key or value in place; the bytes are copied and live until the turn ends. The client still sees its own key
 * in the answer. Return enum mg_edit. */
int mg_request_set_key(struct script *s, struct request *r, const char *key, size_t len);
int mg_request_set_value(struct script *s, struct request *r, const char *value, size_t len);

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

/* A pool that was closed without a server gets those that o->discover says. NULL, or what is wrong with it. */
const char *mg_pool_follow(struct script *s, int32_t pool, const struct mg_pool_options *o);

/* The servers named with --servers, 0.. ; NULL behind the last. */
const char *mg_server(struct script *s, uint32_t at);

#endif
