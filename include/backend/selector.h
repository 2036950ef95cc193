/* selector: from a key's hash to one of a pool's servers.
 *
 * Owned by its pool; built once when the pool is, read-only afterwards. Servers are known by their index.
 */
#ifndef MOONGATE_BACKEND_SELECTOR_H
#define MOONGATE_BACKEND_SELECTOR_H

#include <stddef.h>
#include <stdint.h>

/* name, text, what it does */
#define DISTRIBUTIONS(X)                                                                           \
    X(KETAMA, "ketama", "a ring of points; a server more or less moves few keys")                  \
    X(MODULA, "modula", "hash modulo the servers in the order given")

enum distribution {
#define X(name, text, meaning) DISTRIBUTION_##name,
    DISTRIBUTIONS(X)
#undef X
        DISTRIBUTION_COUNT
};

enum distribution distribution_find(const char *name, size_t len);
const char *distribution_name(enum distribution distribution);

/* What a selector wants to know of a server. */
struct selector_server {
    const char *
        name; /* what ketama hashes: `host` for port 11211, else `host:port`, or the path of a unix socket */
    uint32_t weight; /* 1 where nothing else is asked for */
};

struct selector_point {
    uint32_t value;
    uint32_t server;
};

/* Invariant: servers > 0; ketama with more than one server: points > 0, sorted by value, then server. */
struct selector {
    enum distribution distribution;
    uint32_t servers;
    struct selector_point *points;
    uint32_t points_n;
    uint32_t *start; /* first point with value >= bucket << shift; one entry more than buckets */
    unsigned shift;
};

/* n > 0. Ketama: points by MD5 of "name-k", four a digest, 160 a server on average, weighted in float arithmetic as
 * libmemcached and twemproxy do (source: facts on ketama, checked against both). */
void selector_init(struct selector *s, enum distribution distribution,
                   const struct selector_server *servers, uint32_t n);
void selector_release(struct selector *s);

/* The server for a hash, 0..n-1. */
uint32_t selector_pick(const struct selector *s, uint32_t hash);

#endif
