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

const struct chooser choose_random = {.choose = choose};
