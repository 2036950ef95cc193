/* A call belongs to a leg of a flow, which may be a leg of another one, or of a function that waits. To find the client's request, the
 * ends are followed upwards. A flow that has given its result already (a copy that goes on, say) leads nowhere: its request is over. */
#include "route/seen.h"

#include <assert.h>
#include <stddef.h>

void seen_for(struct turn *t, struct flow_end end)
{
    assert(t->seen);
    while (end.on_result && end.above) end = *end.above(end.owner);
    bool is_known = end.on_result == t->seen->on_result;
    t->seen_owner = is_known ? end.owner : NULL;
    t->seen_place = end.place;
}

void seen_routed(struct turn *t, const struct request *r, const struct route *route)
{
    const struct receiver *receiver = receiver_of(r);
    if (r->depth > 0 || receiver->on_result != t->seen->on_result) return;
    t->seen->on_routed((void *)r->owner, r->part, route);
    if (!route || route->kind != ROUTE_POOL) return;
    t->seen_owner = (void *)r->owner;
    t->seen_place = r->part;
}

void seen_sent(struct turn *t, const struct pool *pool, const struct backend *b)
{
    t->seen->on_sent(t->seen_owner, t->seen_place, pool, b->stats);
    t->seen_owner = NULL;
    t->backends->from = b->stats; /* of a refusal, if it comes to one */
}
