#include <stdlib.h>

#include "placement/hash.h"
#include "protocol/place.h"
#include "route/chooser.h"

/* Any child, drawn for each request. I12: requests that belong to one place are not drawn: their key chooses, so that a cas is
 * compared where it was shown. */
static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    if (request_has_place(r))
        return hash_bytes(HASH_XXH3, (const void *)r->key_at, r->key_len) % route->children_n;
    return (uint32_t)lrand48() % route->children_n;
}

/* For explain: the one that is drawn comes first. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    struct request own = *r;
    uint32_t n = route->children_n, first = choose(w->e->turn, route, &own);
    if (request_has_place(r) || n == 1) return walk_route(w, route->children[first], r, way);
    way = walk_share(way, 1.0 / n);
    unsigned all = walk_route(w, route->children[first], r, way);
    way.is_first = false;
    for (uint32_t i = 0; i < n; i++) {
        if (i != first && walk_route(w, route->children[i], r, way) != all) all = 0;
    }
    return all;
}

const struct chooser choose_random = {.choose = choose, .walk = walk};
