#include "route/generation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "route/chooser.h"
#include "route/flow.h"

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

static void *copied(const void *from, size_t n)
{
    void *to = malloc(n ? n : 1);
    if (!to) abort();
    return memcpy(to, from, n);
}

struct route_state *generation_make_state(struct route *route, size_t size)
{
    route->state = calloc(1, size);
    if (!route->state) abort();
    return route->state;
}

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    const struct chooser *chooser = chooser_of(route->kind);
    const struct flow_kind *flow = flow_kind_of(route->kind);
    if (chooser && chooser->build) chooser->build(route, words, n);
    if (flow && flow->state_size) generation_make_state(route, flow->state_size);
    if (flow && flow->build) flow->build(route);
}

uint32_t generation_add(struct generation *g, const struct route *route,
                        const struct route_word *words, uint32_t n)
{
    struct route *own = copied(route, sizeof *route);
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

void generation_release(struct generation *g)
{
    assert(!g->asking && !g->ready);
    for (uint32_t i = 0; i < g->routes_n; i++) {
        const struct chooser *chooser = chooser_of(g->routes[i]->kind);
        if (chooser && chooser->release) chooser->release(g->routes[i]->state);
        free(g->routes[i]->children);
        free(g->routes[i]->text);
        free(g->routes[i]->state);
        free(g->routes[i]);
    }
    free(g->routes);
    *g = (struct generation){0};
}
