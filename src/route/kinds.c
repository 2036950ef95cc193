/* Here a kind of route gets its name, enum route_kind, tied to what runs it: a chooser or a flow. Nobody else knows them all. A
 * route remembers its own (route->chooser, route->flow), so that no request pays for a look into these tables. */
#include "route/kinds.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "route/chooser.h"
#include "route/flow.h"
#include "route/generation.h"

static const struct chooser *chooser_of(enum route_kind kind)
{
    static const struct chooser *const choosers[] = {
        [ROUTE_PREFIX] = &choose_prefix,    [ROUTE_ROUTE_PREFIX] = &choose_route_prefix,
        [ROUTE_COMMAND] = &choose_command,  [ROUTE_HASH] = &choose_hash,
        [ROUTE_RANDOM] = &choose_random,    [ROUTE_PLACE] = &choose_place,
        [ROUTE_SHARE] = &choose_share,      [ROUTE_KEY] = &choose_key,
        [ROUTE_EXPTIME] = &choose_exptime,  [ROUTE_RATE] = &choose_rate,
        [ROUTE_IDENTITY] = &choose_identity};
    return kind < sizeof choosers / sizeof *choosers ? choosers[kind] : NULL;
}

static const struct flow_kind *flow_kind_of(enum route_kind kind)
{
    static const struct flow_kind *const kinds[] = {
        [ROUTE_FAILOVER] = &flow_failover, [ROUTE_ALL] = &flow_all,
        [ROUTE_HEDGE] = &flow_hedge,       [ROUTE_COALESCE] = &flow_coalesce,
        [ROUTE_DELAY] = &flow_delay,       [ROUTE_LIMIT] = &flow_limit,
        [ROUTE_NEGATIVE] = &flow_negative, [ROUTE_NEAR] = &flow_near,
        [ROUTE_LOG] = &flow_log,           [ROUTE_FILL] = &flow_fill,
        [ROUTE_LEVELS] = &flow_levels,     [ROUTE_THROUGH] = &flow_through,
        [ROUTE_COMPARE] = &flow_compare,   [ROUTE_SPOOL] = &flow_spool,
        [ROUTE_LEASE] = &flow_lease,       [ROUTE_ABSENT] = &flow_lease_write};
    return kind < sizeof kinds / sizeof *kinds ? kinds[kind] : NULL;
}

static void *copied(const void *from, size_t n)
{
    void *to = malloc(n ? n : 1);
    if (!to) abort();
    return memcpy(to, from, n);
}

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    const struct chooser *chooser = route->chooser = chooser_of(route->kind);
    const struct flow_kind *flow = route->flow = flow_kind_of(route->kind);
    assert(!(chooser && flow) && route_is_chooser(route) == (chooser != NULL));
    if (chooser && chooser->build) chooser->build(route, words, n);
    if (flow && flow->state_size) generation_make_state(route, flow->state_size);
    if (flow && flow->build) flow->build(route, words, n);
}

/* Children are older than their parents, so routes can form no circle: choosers and policies come to an end. (Functions can
 * lead in circles: flow.c and the script floor count those.) */
uint32_t generation_add(struct generation *g, const struct route *route,
                        const struct route_word *words, uint32_t n)
{
    struct route *own = copied(route, sizeof *route);
    for (uint32_t i = 0; i < route->children_n; i++)
        assert(g->routes[route->children[i]->number] == route->children[i]);
    own->children = NULL;
    if (route->children_n)
        own->children = copied(route->children, sizeof *route->children * route->children_n);
    if (route->text) own->text = copied(route->text, strlen(route->text) + 1);
    g->routes = reallocarray(g->routes, g->routes_n + 1, sizeof *g->routes);
    if (!g->routes) abort();
    own->number = g->routes_n;
    build(own, words, n);
    g->routes[g->routes_n] = own;
    return g->routes_n++;
}

/* A script that was never in use still has its first reference: nobody took that over. */
void generation_release(struct generation *g)
{
    assert(!g->undecided && !g->ready && g->references <= 1);
    for (uint32_t i = 0; i < g->routes_n; i++) {
        const struct chooser *chooser = g->routes[i]->chooser;
        if (chooser && chooser->release) chooser->release(g->routes[i]->state);
        free(g->routes[i]->children);
        free(g->routes[i]->text);
        free(g->routes[i]->state);
        free(g->routes[i]);
    }
    free(g->routes);
    *g = (struct generation){0};
}
