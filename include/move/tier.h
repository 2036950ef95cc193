/* tier: one or two scripts with the servers that they name, in a worker of this process that serves nobody.
 *
 * The command that opens a tier owns it and closes it; it runs the tier's loop, in which all callbacks come. The servers of both scripts
 * are numbered, each once, whatever the number of pools and names that it has. Requests are sent to servers, not to routes: what a
 * route would do is asked before, by tier_spots.
 */
#ifndef MOONGATE_MOVE_TIER_H
#define MOONGATE_MOVE_TIER_H

#include <ev.h>

#include "backend/backend.h"
#include "base/arena.h"
#include "protocol/request.h"
#include "route/walk.h"
#include "script/script.h"
#include "worker/converted.h"

struct options;
struct worker;

/* The script that clients use now, and the one that they will use. With one script there is TIER_OLD alone. */
enum tier_side { TIER_OLD, TIER_NEW, TIER_SIDES };

/* What a command line says of scripts: rows of an X-macro for a struct with a `struct tier_how how` and FOREIGN_FIELDS (worker/converted.h). */
#define TIER_OPTIONS(X)                                                                            \
    X(how.kinds[TIER_OLD], CHOICE, 0, "from", SCRIPT_KIND_WORDS, "auto",                           \
      "what kind of file the first one is; auto: by its name's end and its bytes")                 \
    FOREIGN_OPTIONS(X)                                                                             \
    X(how.no_jit, FLAG, 0, "no-jit", NULL, "", "interpret scripts instead of compiling them")      \
    X(how.unsafe_lua, FLAG, 0, "unsafe-lua", NULL, "", UNSAFE_LUA_MEANING)                         \
    X(how.lua_dir, STRING, 0, "lua-dir", "PATH", "",                                               \
      "read moongate's own Lua modules from here, for development")

#define TIER_OPTIONS_TO(X)                                                                         \
    X(how.kinds[TIER_NEW], CHOICE, 0, "to", SCRIPT_KIND_WORDS, "auto",                             \
      "what kind of file the second one is")

struct tier_how {
    const char *paths[TIER_SIDES]; /* of the scripts; the second one NULL: there is one alone */
    int kinds[TIER_SIDES];         /* places among SCRIPT_KIND_WORDS */
    struct convert_flags flags;    /* FOREIGN_FLAGS */
    bool no_jit, unsafe_lua;
    const char *lua_dir;
};

/* A server. Requests to it go to `to`, one of the backends that stand for it. */
struct tier_server {
    const char *name; /* the backend's */
    struct backend *to;
    bool is_of[TIER_SIDES]; /* the script names it */
    uint32_t in_flight;     /* requests that were sent and not answered */
};

/* A backend, which one server has several of where pools differ in their settings. */
struct tier_backend {
    struct backend *backend; /* with a reference */
    uint32_t server;
};

struct tier {
    struct worker *worker; /* owned, with all of: */
    struct ev_loop *loop;
    struct backends *backends;
    struct script *scripts[TIER_SIDES]; /* owned; the second one may be NULL */
    struct explainer explainers[TIER_SIDES];
    bool has_failed[TIER_SIDES]; /* its script raised an error, which was printed */
    struct tier_server *servers; /* owned */
    uint32_t servers_n;
    struct tier_backend *known; /* owned: by their addresses in memory, in order */
    uint32_t known_n;
    struct arena arena;      /* of one tier_spots */
    struct options *options; /* owned */
};

/* Loads the scripts and begins to connect their servers. False after a complaint: nothing is left to be closed. Servers that a script
 * discovers are waited for, for ten seconds at most. */
bool tier_open(struct tier *t, const struct tier_how *how);
void tier_close(struct tier *t);

/* --- where a key is */

/* A key, decoded. is_base64: it cannot be sent as it is, or was stored in that way. */
struct tier_key {
    bool is_base64;
    uint16_t len;
    uint8_t bytes[KEY_MAX];
};

/* A place where a request for a key goes. */
struct tier_spot {
    uint32_t server;     /* its number */
    enum walk_role role; /* what its answer means */
    float share;         /* of requests like this one: 0..1 */
    bool is_conditional; /* only after another place's answer, or under some other condition */
    struct tier_key key; /* as it is sent */
};

enum { TIER_SPOTS = WALK_PLACES };

struct tier_spots {
    struct tier_spot at[TIER_SPOTS];
    uint32_t n;
    bool is_cut;     /* there may be more */
    bool has_failed; /* the script raised an error, which has been printed if it was the first */
    const char *refused; /* a client could not send this; constant; NULL: it could */
};

/* Where a script of the tier sends a get, or with `writes` a set, of a client's key. For a key in base64: an mg or an ms. It asks no server
 * and changes nothing in the script. */
void tier_spots(struct tier *t, enum tier_side side, bool writes, const struct tier_key *key,
                struct tier_spots *to);

static inline bool tier_key_is(const struct tier_key *a, const struct tier_key *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* --- requests */

/* One request, in its owner's memory until `done` has come with the last event. */
struct tier_call {
    struct tier *tier;
    double sent;
    uint32_t server;
    /* Called as call_done_fn (backend/call.h), for each event; news.event ANSWERED and FAILED are the last. */
    call_done_fn *done;
    void *owner;
};

/* Sends r, whose bytes are copied (but a blob gets a reference), to a server, with `patience` seconds for its answer. The caller has set
 * done and owner. Returns NULL; or why it was not sent, valid until the next call: then `done` is not called. It may be called at once. */
const char *tier_send(struct tier *t, struct tier_call *c, uint32_t server, const struct request *r,
                      double patience);

/* One of the scripts calls the server so. */
bool tier_is_called(const struct tier *t, uint32_t server, const char *name);

/* True: no connection of the server takes requests now; it is tried again by itself. */
bool tier_is_down(const struct tier *t, uint32_t server);

/* The clock of the loop, in seconds that never go back. */
double tier_now(const struct tier *t);

/* A meta command without a value (mg, md) about a key, with those flags; b is added where the key needs it. `flags` has TIER_FLAGS bytes, and
 * lives as long as the request, as the key does. */
enum { TIER_FLAGS = 64 };
struct request tier_meta(unsigned command, const struct tier_key *key, char flags[TIER_FLAGS]);

/* An add of a key, with what memcached takes for its lifetime (tier_exptime). For a key in base64: an ms in add mode. */
struct request tier_add(const struct tier_key *key, uint64_t client_flags, int64_t exptime);

/* What a server is to be sent for so many seconds that are left, of which `now` is the time since 1970: those seconds; beyond 30 days, which
 * memcached reads as a time, that time. left -1: 0, without an end. */
int64_t tier_exptime(int64_t left, int64_t now);

#endif
