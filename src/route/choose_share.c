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

static bool is_in_range(const struct route_options *o, const struct request *r)
{
    if (o->least <= 0 && o->most >= 1) return true;
    double place = place_of(r);
    return place >= o->least && place < o->most;
}

/* The second child, for a share of the requests whose key has its place in [least, most). */
static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    const struct route_options *o = &route->options;
    if (!is_in_range(o, r)) return 0;
    return o->share >= 1 || drand48() < o->share;
}

/* For explain: the one that is drawn comes first. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    const struct route_options *o = &route->options;
    bool is_second = is_in_range(o, r) && (o->share >= 1 || drand48() < o->share);
    double shares[] = {1 - o->share, o->share};
    if (!is_in_range(o, r) || o->share <= 0 || o->share >= 1)
        return walk_route(w, route->children[is_second], r, way);
    struct walk_way first = walk_share(way, shares[is_second]),
                    other = walk_share(way, shares[!is_second]);
    other.is_first = false;
    unsigned known = walk_route(w, route->children[is_second], r, first);
    return walk_route(w, route->children[!is_second], r, other) == known ? known : 0;
}

const struct chooser choose_share = {.choose = choose, .walk = walk};
