/* selector: from a key to one of a pool's servers.
 *
 * Owned by the pool or the hash policy that holds the struct, in a worker, which calls selector_release. Built for a list
 * of servers and read-only afterwards; `random` alone keeps state. Servers are known by their index in that list. Each
 * distribution is a kind, in a file of its own: src/placement/select_*.c. selector.c says how all of this belongs together.
 */
#ifndef MOONGATE_PLACEMENT_SELECTOR_H
#define MOONGATE_PLACEMENT_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "placement/hash.h"
#include "placement/ring.h"

/* name, text, meaning. Each has its struct selector_kind select_TEXT. */
#define DISTRIBUTIONS(X)                                                                           \
    X(KETAMA, ketama, "a ring of points; one server more or less moves few keys")                  \
    X(MODULA, modula, "hash modulo the servers in their order, each as often as its weight says")  \
    X(MODULA_SIGNED, modula_signed, "the same, the hash taken for a signed number")                \
    X(JUMP, jump, "jump consistent hash; one server more or less at the end moves few keys")       \
    X(RENDEZVOUS, rendezvous, "the server with the highest score for the key, as in mcrouter")     \
    X(CH3, ch3, "mcrouter's Ch3; one server more or less at the end moves few keys")               \
    X(WEIGHTED_CH3, weighted_ch3, "mcrouter's WeightedCh3; weights are parts of 1")                \
    X(RANDOM, random, "any server, drawn again for each request")                                  \
    X(KETAMA_100, ketama_100, "libmemcached's ketama without weights: 100 points a server")        \
    X(SPYMEMCACHED, spymemcached,                                                                  \
      "spymemcached's ketama: 160 points a server, if all weigh alike")                            \
    X(HASHRING, hashring, "ketama as npm's hashring counts its points")                            \
    X(DALLI, dalli, "Dalli's ring: the last point up to the key's CRC-32")                         \
    X(PHP_MEMCACHE, php_memcache, "php-memcache's consistent strategy: 1024 buckets on a ring")    \
    X(FAST_KETAMA, fast_ketama, "the ring of Cache::Memcached::Fast with ketama_points")           \
    X(PYMEMCACHE, pymemcache, "pymemcache's rendezvous: the highest MurmurHash3 of name-key")

enum distribution {
#define X(name, text, meaning) DISTRIBUTION_##name,
    DISTRIBUTIONS(X)
#undef X
        DISTRIBUTION_COUNT
};

/* The distribution with that name (len bytes, no NUL needed), or DISTRIBUTION_COUNT. */
enum distribution distribution_find(const char *name, size_t len);
const char *distribution_name(enum distribution distribution);

/* True when it ignores the pool's hash: it has its own, or hashes nothing. */
bool distribution_hashes_itself(enum distribution distribution);

/* A server, as a selector sees it. */
struct selector_server {
    const char *name; /* what the distribution hashes, where it hashes servers */
    double weight;    /* distribution_usual_weight when the configuration gives none */
};

struct selector_settings {
    enum distribution distribution;
    enum hash hash;
    uint64_t seed; /* of the hash, where it takes one */
    /* Points of a server of weight 1, where the distribution takes that setting; 0: its usual number. */
    uint32_t points;
};

/* The answer for a key, and how it was found. */
struct selector_choice {
    uint32_t server;
    bool has_point; /* `point` is set: the kind has a ring */
    uint64_t hash;  /* of the key; 0 when the only server was taken */
    uint32_t point; /* on the ring */
};

struct selector;

/* A distribution: how it reads weights, and three functions. Constant. */
struct selector_kind {
    bool hashes_itself;
    /* Kinds for which a weight is a count. */
    uint32_t per_weight;  /* places (points, slots) for each 1 of weight; 0: not such a kind */
    bool takes_points;    /* settings.points replaces per_weight */
    bool takes_fractions; /* weights need not be whole */
    /* Kinds for which a weight is a share. */
    bool takes_zero;  /* 0 is allowed */
    bool takes_parts; /* 1 is the most */
    bool ignores_weights;
    bool ignores_names;  /* it counts servers, and hashes none */
    double usual_weight; /* of a server without one; 0 stands for 1 */
    /* Called for two servers or more. Fills ring, own or neither; all else in s is set. */
    void (*build)(struct selector *s, const struct selector_server *servers);
    /* Sets choice->server and what it knows of how; choice is zero before. */
    void (*pick)(const struct selector *s, const void *key, size_t len,
                 struct selector_choice *choice);
    /* Frees `own`; NULL: the kind keeps nothing there. */
    void (*release)(struct selector *s);
};

/* Invariant: servers > 0; ring and own belong to the kind, and are empty with one server. own is set when the kind has a release
 * function, and only then. A released selector is all zero. */
struct selector {
    const struct selector_kind *kind;
    struct selector_settings settings;
    uint32_t servers; /* how many */
    struct ring ring;
    void *own; /* memory of the kind */
};

/* True when it reads settings.points. */
bool distribution_takes_points(enum distribution distribution);

/* True when weights change nothing. */
bool distribution_ignores_weights(enum distribution distribution);

/* True when it only counts servers: their names change nothing. */
bool distribution_ignores_names(enum distribution distribution);

/* The weight of a server for which none is given. */
double distribution_usual_weight(enum distribution distribution);

/* NULL, or why these weights do not fit the distribution: a static sentence that continues after "a pool". */
const char *selector_refuses(const struct selector_settings *settings,
                             const struct selector_server *servers, uint32_t n);

/* n > 0, and selector_refuses has returned NULL. The servers and their names are copied where they are needed. Aborts
 * without memory. */
void selector_init(struct selector *s, const struct selector_settings *settings,
                   const struct selector_server *servers, uint32_t n);
/* Also takes a selector that is all zero. */
void selector_release(struct selector *s);

/* The server for a key, 0..n-1. Does not hash when there is only one. Allocates nothing. */
struct selector_choice selector_pick(const struct selector *s, const void *key, size_t len);

/* The key's hash by the settings: 64 bits where the hash has them. For kinds. */
static inline uint64_t selector_hash(const struct selector *s, const void *key, size_t len)
{
    return hash_bytes64(s->settings.hash, key, len, s->settings.seed);
}

#endif
