/* generation: the reference count of a generation (struct generation is in routes.h), and what it keeps for its routes.
 *
 * The script owns the struct and frees it when `retire` is called. One worker.
 */
#ifndef MOONGATE_ROUTE_GENERATION_H
#define MOONGATE_ROUTE_GENERATION_H

#include <assert.h>

#include "route/turn.h"

/* The first reference is the caller's; turn_adopt takes it over. */
void generation_init(struct generation *g, route_ask_fn *ask, void (*retire)(void *router),
                     void *router);

/* One more reference. Returns g. */
static inline struct generation *generation_take(struct generation *g)
{
    assert(g->references > 0);
    g->references++;
    return g;
}

/* One reference less. The last one frees nothing yet: the end of the turn calls `retire`. */
static inline void generation_give(struct generation *g)
{
    assert(g->references > 0);
    g->references--;
}

/* For kinds of routes that remember something, while they are built: sets route->state, `size` bytes, all zero, once. It is freed
 * with the route. */
struct route_state *generation_make_state(struct route *route, size_t size);

#endif
