#include <assert.h>
#include <stdlib.h>

#include "placement/hash.h"
#include "route/chooser.h"

/* The place of a key between 0 and 1. Pools hash without this seed, so they spread the keys of a part as evenly as all keys. */
static double place_of(const struct request *r)
{
    static const uint64_t seed = 0x6d6f6f6e67617465;
    uint64_t hash = hash_bytes64(HASH_XXH3, (const void *)r->key_at, r->key_len, seed);
    return (double)(hash >> 11) * 0x1p-53;
}

/* The third child is the pool whose servers count, and gets no requests. Servers have the numbers that they have in the pool now, whether they take keys or not. */
static bool is_of_servers(const struct route *route, const struct request *r)
{
    struct pool *pool = route->children[2]->pool;
    const struct pool_member *m = pool_pick(pool, (const void *)r->key_at, r->key_len);
    return m && (uint32_t)(m - pool->members) - route->options.first < route->options.servers;
}

static bool is_in_range(const struct route *route, const struct request *r)
{
    const struct route_options *o = &route->options;
    if (o->reads && r->command_id != COMMAND_GET && !request_only_reads(r)) return false;
    if (o->servers && !is_of_servers(route, r)) return false;
    if (o->least <= 0 && o->most >= 1) return true;
    double place = place_of(r);
    return place >= o->least && place < o->most;
}

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    assert(!route->options.servers || route->children[2]->kind == ROUTE_POOL);
}

/* The second child, for a share of the requests (of those that only read, with `reads`) whose key has its place in [least, most), and its server in the range. */
static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    const struct route_options *o = &route->options;
    if (!is_in_range(route, r)) return 0;
    return o->share >= 1 || drand48() < o->share;
}

/* For explain: the one that is drawn comes first. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    const struct route_options *o = &route->options;
    bool is_in = is_in_range(route, r),
         is_second = is_in && (o->share >= 1 || drand48() < o->share);
    double shares[] = {1 - o->share, o->share};
    if (!is_in || o->share <= 0 || o->share >= 1)
        return walk_route(w, route->children[is_second], r, way);
    struct walk_way first = walk_share(way, shares[is_second]),
                    other = walk_share(way, shares[!is_second]);
    other.is_first = false;
    unsigned known = walk_route(w, route->children[is_second], r, first);
    return walk_route(w, route->children[!is_second], r, other) == known ? known : 0;
}

const struct chooser choose_share = {.build = build, .choose = choose, .walk = walk};
