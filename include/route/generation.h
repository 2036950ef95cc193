/* generation: see routes.h; its counts and lists. */
#ifndef MOONGATE_ROUTE_GENERATION_H
#define MOONGATE_ROUTE_GENERATION_H

#include "route/turn.h"

/* The caller's is the first count. */
void generation_init(struct generation *g, client_route_fn *ask, void (*retire)(void *router),
                     void *router);

struct generation *generation_take(struct generation *g);

/* The last count does not free it yet: the turn's end calls `retire`. */
void generation_give(struct generation *g);

/* For kinds of routes that remember something, when they are built: route->state, so many bytes, all zero. */
struct route_state *generation_make_state(struct route *route, size_t size);

#endif
