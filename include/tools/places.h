/* places: where keys can end up in one script: each server of each pool, an answer without a server, or a store, numbered.
 *
 * Owned by the tool that counts, and points into the pools and stores of the script, which must live longer.
 */
#ifndef MOONGATE_TOOLS_PLACES_H
#define MOONGATE_TOOLS_PLACES_H

#include "route/explain.h"
#include "script/script.h"

/* The ends without a server, numbered behind the servers: name, text */
#define PLACE_ENDS(X)                                                                              \
    X(MISS, "reply miss")                                                                          \
    X(ERROR, "reply error")                                                                        \
    X(FAILED, "script error")                                                                      \
    X(NOWHERE, "no server")                                                                        \
    X(WAITS, "a function that waits")

enum place_end {
#define X(name, text) PLACE_##name,
    PLACE_ENDS(X)
#undef X
        PLACE_ENDS_COUNT
};

struct places {
    struct pool *const *pools;
    uint32_t pools_n;
    uint32_t *first;                   /* of each pool: the number of its first server */
    uint32_t servers_n;                /* over all pools */
    const struct script_store *stores; /* numbered behind the ends */
    uint32_t stores_n;
};

void places_init(struct places *p, const struct script *s);
void places_release(struct places *p);

/* How many numbers there are. */
static inline uint32_t places_n(const struct places *p)
{
    return p->servers_n + PLACE_ENDS_COUNT + p->stores_n;
}

/* The number of the place where an explained key ends. */
uint32_t places_find(const struct places *p, const struct explanation *x);

/* The number of a server of that pool. */
uint32_t places_number(const struct places *p, const struct pool *pool, const char *server);

/* The name of a server, the text of an end, or "store NAME"; owned by the script, or constant. */
const char *places_name(const struct places *p, uint32_t place);

#endif
