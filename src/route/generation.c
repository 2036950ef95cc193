/* How a generation ends.
 *
 * A generation is what one loaded script brings to this floor: its routes, and the function that decides. A reload replaces the
 * current one while requests are in flight. Those must end on the routes that they began with: the old routes hold the servers,
 * timeouts and counters that decide their fate, and their functions may be waiting in the middle of a request.
 *
 * So a generation has a reference count. The turn holds one reference to the current generation; each flow and direct call holds one to its
 * own; and a round of the turn holds one while it runs. A plain call to a pool holds none: it belongs to a server's connection,
 * which is not the script's, and its reply needs no route any more.
 *
 * turn_adopt first routes what is in the slots, by the old script, which saw those requests come; then it puts the new
 * generation at the head of the turn's list and gives back the reference to the old one. The old one gets no new request from
 * then on. Its flows go on: their legs may be put to its functions, and its functions that wait are resumed, by turn_route,
 * which asks all generations in the list, newest first. When the last flow ends the count comes to 0.
 *
 * Nothing is freed at that moment, because it comes deep inside the work on some result, with routes and perhaps Lua still on
 * the stack. The end of the turn finds the generation without references and calls `retire`, with which the script frees its
 * Lua state, its routes (generation_release) and its pools. How long that may take is bounded by what the old flows wait for.
 *
 * What must never happen: that a generation comes back from 0 (generation_take asserts it), since it may have retired; that one
 * retires with legs or flows in its lists; that a flow of one generation runs a route of another. */
#include "route/generation.h"

#include <assert.h>
#include <stdlib.h>

void generation_init(struct generation *g, route_ask_fn *ask, void (*retire)(void *router),
                     void *router)
{
    *g = (struct generation){.ask = ask, .retire = retire, .router = router, .references = 1};
    g->undecided_end = &g->undecided;
    g->ready_end = &g->ready;
}

struct route_state *generation_make_state(struct route *route, size_t size)
{
    assert(!route->state && size > 0);
    route->state = calloc(1, size);
    if (!route->state) abort();
    return route->state;
}
