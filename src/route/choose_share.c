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

/* The second child, for a share of the requests whose key has its place in [least, most). */
static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    const struct route_options *o = &route->options;
    if (o->least > 0 || o->most < 1) {
        double place = place_of(r);
        if (place < o->least || place >= o->most) return 0;
    }
    return o->share >= 1 || drand48() < o->share;
}

const struct chooser choose_share = {.choose = choose};
