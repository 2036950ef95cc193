#include "route/chooser.h"

#include <assert.h>

const struct chooser *chooser_of(enum route_kind kind)
{
    static const struct chooser *const choosers[] = {
        [ROUTE_PREFIX] = &choose_prefix, [ROUTE_COMMAND] = &choose_command,
        [ROUTE_HASH] = &choose_hash,     [ROUTE_RANDOM] = &choose_random,
        [ROUTE_PLACE] = &choose_place,   [ROUTE_SHARE] = &choose_share,
        [ROUTE_KEY] = &choose_key,       [ROUTE_EXPTIME] = &choose_exptime,
        [ROUTE_RATE] = &choose_rate};
    return kind < sizeof choosers / sizeof *choosers ? choosers[kind] : NULL;
}

const struct route *route_choose(struct turn *t, const struct route *route, struct request *r)
{
    uint32_t child = chooser_of(route->kind)->choose(t, route, r);
    assert(child < route->children_n);
    return route->children[child];
}
