/* Servers are numbered pool by pool, in the order of the script; the ends without a server come behind them, then the stores. So an array of
 * counts has one cell for each place, and the cells of a pool stand together.
 */
#include "tools/places.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void places_init(struct places *p, const struct script *s)
{
    *p = (struct places){.servers_n = 0};
    p->pools = script_pools(s, &p->pools_n);
    p->first = calloc(p->pools_n + 1, sizeof *p->first);
    if (!p->first) abort();
    for (uint32_t i = 0; i < p->pools_n; i++) {
        p->first[i] = p->servers_n;
        p->servers_n += p->pools[i]->members_n;
    }
    p->first[p->pools_n] = p->servers_n;
    p->stores = script_stores(s, &p->stores_n);
}

void places_release(struct places *p)
{
    free(p->first);
    *p = (struct places){.first = NULL};
}

static uint32_t number_of(const struct places *p, const struct pool *pool)
{
    uint32_t i = 0;
    while (i < p->pools_n && p->pools[i] != pool) i++;
    assert(i < p->pools_n); /* a route of a script leads to a pool of that script */
    return i;
}

/* "none": the pool has no server. */
uint32_t places_number(const struct places *p, const struct pool *pool, const char *server)
{
    uint32_t number = number_of(p, pool);
    for (uint32_t i = 0; i < pool->members_n; i++)
        if (strcmp(pool->members[i].backend->name, server) == 0) return p->first[number] + i;
    return p->servers_n + PLACE_NOWHERE;
}

static uint32_t store_number(const struct places *p, const char *text)
{
    uint32_t i = 0;
    while (i < p->stores_n && strcmp(p->stores[i].text, text) != 0) i++;
    assert(i < p->stores_n);
    return p->servers_n + PLACE_ENDS_COUNT + i;
}

/* A function that waits and calls nothing counts as a separate place. */
uint32_t places_find(const struct places *p, const struct explanation *x)
{
    const struct pool_member *member = x->choice.member;
    if (x->pool && !member) return p->servers_n + PLACE_NOWHERE;
    if (x->pool) return p->first[number_of(p, x->pool)] + (uint32_t)(member - x->pool->members);
    if (explain_store(x)) return store_number(p, explain_store(x));
    if (x->path.failure[0]) return p->servers_n + PLACE_FAILED;
    if (x->route == ANSWER_MISS) return p->servers_n + PLACE_MISS;
    return p->servers_n + (x->route == ANSWER_REFUSE ? PLACE_ERROR : PLACE_WAITS);
}

const char *places_name(const struct places *p, uint32_t place)
{
    static const char *const ends[] = {
#define X(name, text) [PLACE_##name] = text,
        PLACE_ENDS(X)
#undef X
    };
    uint32_t pool = 0;
    assert(place < places_n(p));
    if (place >= p->servers_n + PLACE_ENDS_COUNT)
        return p->stores[place - p->servers_n - PLACE_ENDS_COUNT].text;
    if (place >= p->servers_n) return ends[place - p->servers_n];
    while (place >= p->first[pool + 1]) pool++;
    return p->pools[pool]->members[place - p->first[pool]].backend->name;
}
