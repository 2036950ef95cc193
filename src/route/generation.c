#include "route/generation.h"

#include <assert.h>
#include <stdlib.h>

void generation_init(struct generation *g, client_route_fn *ask, void (*retire)(void *router),
                     void *router)
{
    *g = (struct generation){.ask = ask, .retire = retire, .router = router, .counts = 1};
    g->asking_end = &g->asking;
    g->ready_end = &g->ready;
}

struct generation *generation_take(struct generation *g)
{
    g->counts++;
    return g;
}

void generation_give(struct generation *g)
{
    assert(g->counts > 0);
    g->counts--;
}

struct route_state *generation_make_state(struct route *route, size_t size)
{
    route->state = calloc(1, size);
    if (!route->state) abort();
    return route->state;
}
