/* pool: servers and a selector: each key goes to one of them.
 *
 * Owned by the script that made it, which frees it with pool_destroy; holds a reference to each backend. Its members may be
 * replaced while it serves. With on_failure = rehash the selector knows only the servers that are not down, and with eject =
 * twemproxy those whose errors have not put them out.
 */
#ifndef MOONGATE_BACKEND_POOL_H
#define MOONGATE_BACKEND_POOL_H

#include "backend/backend.h"
#include "discovery/discovery.h"
#include "discovery/server.h"
#include "placement/selector.h"

/* name, text, what a request gets when its server fails */
#define ON_FAILURES(X)                                                                             \
    X(ERROR, "error", "SERVER_ERROR with the server and the reason")                               \
    X(MISS, "miss", "get, gets, gat, gats, mg are a miss; other commands the error")               \
    X(REHASH, "rehash", "the error, until the server is down: then its keys go to the others")

enum on_failure {
#define X(name, text, meaning) ON_FAILURE_##name,
    ON_FAILURES(X)
#undef X
        ON_FAILURE_COUNT
};

/* name, text, meaning: how the selector counts servers */
#define ORDERS(X)                                                                                  \
    X(GIVEN, "given", "as they are written")                                                       \
    X(LENGTH, "length", "by the length of their names, then by their bytes")                       \
    X(NAME, "name", "by the bytes of their names")

enum order {
#define X(name, text, meaning) ORDER_##name,
    ORDERS(X)
#undef X
        ORDER_COUNT
};

enum { POOL_NAME_MAX = 64, POOL_STOP_MAX = 16, POOL_PREFIX_MAX = 128, POOL_SERVERS_MAX = 4096 };

struct pool_settings {
    char name[POOL_NAME_MAX];
    struct selector_settings selector;
    enum naming naming;
    enum order order;
    bool unweighted;     /* weights are accepted and ignored */
    char hash_tag[2];    /* only what stands between these is hashed; 0: the whole key */
    bool hash_empty_tag; /* nothing between them: nothing is hashed; false: the whole key */
    char unhashed_prefix[POOL_PREFIX_MAX]; /* is not hashed where a key starts with it; "": none */
    char hash_stop[POOL_STOP_MAX]; /* only what stands before this is hashed; "": the whole key */
    enum on_failure on_failure;
    double eject_floor; /* rehash: the share of servers that stay, 0..1; at least one does */
    double eject_retry; /* eject = twemproxy: seconds out of the ring */
    double timeout;     /* seconds for a call, from routing to the whole response; INFINITY: none */
    struct backend_settings backend;
};

struct pool_member {
    struct backend *backend;   /* with a reference */
    char *name;                /* owned: what the selector calls it */
    double weight;             /* the script's */
    double steered;            /* the one in use: see backend/steering.h */
    double timeout;            /* as in pool_settings */
    struct ejection *ejection; /* owned; NULL: the pool does not eject as twemproxy */
    bool ejected; /* left out of the selector: it is down, or its errors have put it out */
    bool drained; /* left out of the selector: an operator has said so */
};

/* Invariant (pool_sane): the selector is built over living_n members, whose indexes are in living; they are those neither ejected nor drained.
 * A pool with members has at least one living, unless it has eject = twemproxy or is one server of another. I11: timeout and on_failure are the pool's or the member's, the same for all
 * calls there. */
struct pool {
    struct pool_settings settings;
    struct backends *set;
    struct pool_member *members; /* in the selector's order */
    uint32_t members_n;
    uint32_t room;
    uint32_t *living;
    uint32_t living_n;
    uint64_t seen;    /* set->changes when the selector was built */
    uint64_t steered; /* set->steerings, likewise */
    double look_at;   /* set->now after which an ejected member comes back by itself; or INFINITY */
    uint8_t place;    /* of its counters, in set->pools */
    struct selector selector;
    struct discovery *discovery; /* with a reference: the source of the members, or NULL */
    struct discovery_listener *listener;
    struct pool *whole; /* see pool_one: it is the server `at` of that pool alone; else NULL */
    uint32_t at;
    struct pool **ones; /* owned: by member, those that were made; or NULL */
};

/* Without members. `settings` is copied; the set outlives the pool. */
struct pool *pool_create(const struct pool_settings *settings, struct backends *set);

/* Adds a server, before pool_close, with its own settings and timeout in seconds. Returns NULL, or a sentence that says what
 * is wrong. */
const char *pool_add_server(struct pool *p, const struct server_spec *spec, double timeout,
                            const struct backend_settings *settings);

/* All servers are added: builds the selector. Returns NULL, or what is wrong with the servers together; then the pool can only be
 * destroyed. */
const char *pool_close(struct pool *p);

/* Replaces all servers, with the pool's settings. Those that stay keep their connections; those that leave finish what is in
 * flight. Returns NULL, or what is wrong: then nothing has changed. */
const char *pool_replace(struct pool *p, const struct server_spec *specs, uint32_t n);

/* From now on a discovery of that URL says which servers the pool has. After pool_close, instead of pool_add_server. Returns
 * NULL, or a sentence that says what is wrong with the URL. */
const char *pool_follow(struct pool *p, const char *url, size_t len,
                        const struct discovery_settings *settings);

/* Why pool_pick finds no member, as clients see it. Valid until the next call. */
const char *pool_lacks_servers(const struct pool *p);

/* The pool of one of its servers alone, with the same connections, counters and name. p, which is closed and has no discovery, owns it.
 * Where an operator drains that server, it has none. */
struct pool *pool_one(struct pool *p, uint32_t at);

/* Gives back the references and frees the pool. NULL is not allowed. */
void pool_destroy(struct pool *p);

/* Returns where in the key the part begins that is hashed; *len, the key's length, becomes that of the part. */
const char *pool_hashed_part(const struct pool_settings *s, const char *key, size_t *len);

/* How many members take keys now; ejects, drains and takes back members first. */
uint32_t pool_living(struct pool *p);

/* True: servers leave its ring by their errors, as in twemproxy. */
static inline bool pool_ejects(const struct pool *p)
{
    return p->settings.backend.eject != EJECTS_NONE;
}

/* How many members have a connection that serves. */
uint32_t pool_answering(const struct pool *p);

/* Shows on the board how many servers it has, how many of them take keys, and how many answer. To be called now and then, and when the
 * pool comes into use. */
void pool_note_levels(struct pool *p);

/* The member for a key; NULL when there is none. */
struct pool_member *pool_pick(struct pool *p, const void *key, size_t len);

/* The same member, and how it was found. */
struct pool_choice {
    const struct pool_member *member;
    const char *hashed; /* the part of the key that counts, in the key */
    size_t hashed_len;
    bool was_hashed; /* false: one member, so nothing to choose */
    struct selector_choice how;
};
struct pool_choice pool_explain(struct pool *p, const void *key, size_t len);

const char *on_failure_name(enum on_failure on_failure);

#endif
