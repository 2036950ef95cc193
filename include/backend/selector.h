/* selector: from a key to one of a pool's servers.
 *
 * Owned by its pool; built for a list of servers, read-only afterwards. Servers are known by their index in that list. Each
 * distribution is a kind, in a file of its own: src/backend/select_*.c.
 */
#ifndef MOONGATE_BACKEND_SELECTOR_H
#define MOONGATE_BACKEND_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/ring.h"
#include "base/hash.h"

/* name, text, meaning. Each has its struct selector_kind select_TEXT. */
#define DISTRIBUTIONS(X)                                                                           \
    X(KETAMA, ketama, "a ring of points; a server more or less moves few keys")                    \
    X(MODULA, modula, "hash modulo the servers in their order, each as often as its weight says")  \
    X(MODULA_SIGNED, modula_signed, "the same, the hash taken for a signed number")

enum distribution {
#define X(name, text, meaning) DISTRIBUTION_##name,
    DISTRIBUTIONS(X)
#undef X
        DISTRIBUTION_COUNT
};

/* The distribution with that name, or DISTRIBUTION_COUNT. */
enum distribution distribution_find(const char *name, size_t len);
const char *distribution_name(enum distribution distribution);

/* True when it hashes keys in its own way, whatever the pool's hash is. */
bool distribution_hashes_itself(enum distribution distribution);

/* What a selector wants to know of a server. */
struct selector_server {
    const char *name; /* what the distribution hashes, where it hashes servers */
    double weight;    /* > 0; 1 where nothing else is asked for */
};

struct selector_settings {
    enum distribution distribution;
    enum hash hash;
    uint64_t seed; /* of the hash, where it takes one */
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

/* n > 0; the servers and their names need live during the call only. */
void selector_init(struct selector *s, const struct selector_settings *settings,
                   const struct selector_server *servers, uint32_t n);
void selector_release(struct selector *s);

/* The server for a key, 0..n-1. The only server is taken without hashing. */
struct selector_choice selector_pick(const struct selector *s, const void *key, size_t len);

/* The key's hash as the settings say. */
static inline uint32_t selector_hash(const struct selector *s, const void *key, size_t len)
{
    return hash_bytes(s->settings.hash, key, len);
}

#endif
