/* selector: from a key to one of a pool's servers.
 *
 * Owned by its pool; built for a list of servers, read-only afterwards. Servers are known by their index in that list. Each
 * distribution is a kind, in a file of its own: src/placement/select_*.c.
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
    X(KETAMA, ketama, "a ring of points; a server more or less moves few keys")                    \
    X(MODULA, modula, "hash modulo the servers in their order, each as often as its weight says")  \
    X(MODULA_SIGNED, modula_signed, "the same, the hash taken for a signed number")                \
    X(JUMP, jump, "jump consistent hash; a server more or less at the end moves few keys")         \
    X(RENDEZVOUS, rendezvous, "the server with the highest score for the key, as in mcrouter")     \
    X(CH3, ch3, "mcrouter's Ch3; a server more or less at the end moves few keys")                 \
    X(WEIGHTED_CH3, weighted_ch3, "mcrouter's WeightedCh3; weights are parts of 1")                \
    X(RANDOM, random, "any server, each time anew")                                                \
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

/* The distribution with that name, or DISTRIBUTION_COUNT. */
enum distribution distribution_find(const char *name, size_t len);
const char *distribution_name(enum distribution distribution);

/* True when it hashes keys in its own way, or not at all, whatever the pool's hash is. */
bool distribution_hashes_itself(enum distribution distribution);

/* What a selector wants to know of a server. */
struct selector_server {
    const char *name; /* what the distribution hashes, where it hashes servers */
    double weight;    /* distribution_usual_weight where nothing else is asked for */
};

struct selector_settings {
    enum distribution distribution;
    enum hash hash;
    uint64_t seed; /* of the hash, where it takes one */
    uint32_t
        points; /* a server of weight 1 has, where the distribution leaves that open; 0: as many as usual */
};

/* The answer for a key, and how it was found. */
struct selector_choice {
    uint32_t server;
    bool has_point;
    uint64_t hash;
    uint32_t point; /* on the ring */
};

struct selector;

struct selector_kind {
    bool hashes_itself;
    /* For kinds where a weight is a count, not a share: the places (points, slots) that each 1 of it makes; and whether they
     * take settings.points in place of that, and weights between whole numbers. */
    uint32_t per_weight;
    bool takes_points;
    bool takes_fractions;
    /* For the others: whether a weight may be 0, and not above 1; and the weight of a server that is given none (0: 1). */
    bool takes_zero;
    bool takes_parts;
    double usual_weight;
    /* Called for two servers or more; s is set up but for what belongs to the kind. */
    void (*build)(struct selector *s, const struct selector_server *servers);
    /* Fills in choice, which is zero. */
    void (*pick)(const struct selector *s, const void *key, size_t len,
                 struct selector_choice *choice);
    void (*release)(
        struct selector *s); /* frees what `own` has; NULL: the kind keeps nothing there */
};

/* Invariant: servers > 0; ring and own belong to the kind, and are empty with one server. */
struct selector {
    const struct selector_kind *kind;
    struct selector_settings settings;
    uint32_t servers;
    struct ring ring;
    void *own;
};

/* True when settings.points is of use to it. */
bool distribution_takes_points(enum distribution distribution);

/* The weight of a server that is given none. */
double distribution_usual_weight(enum distribution distribution);

/* NULL, or why servers of these weights cannot be spread like that: a static sentence that goes on from "a pool". */
const char *selector_refuses(const struct selector_settings *settings,
                             const struct selector_server *servers, uint32_t n);

/* n > 0, not refused; the servers and their names need live during the call only. */
void selector_init(struct selector *s, const struct selector_settings *settings,
                   const struct selector_server *servers, uint32_t n);
void selector_release(struct selector *s);

/* The server for a key, 0..n-1. The only server is taken without hashing. */
struct selector_choice selector_pick(const struct selector *s, const void *key, size_t len);

/* The key's hash as the settings say: 64 bits where the hash has them. */
static inline uint64_t selector_hash(const struct selector *s, const void *key, size_t len)
{
    return hash_bytes64(s->settings.hash, key, len, s->settings.seed);
}

#endif
