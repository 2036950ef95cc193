#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "placement/hash.h"
#include "route/direct.h"
#include "route/generation.h"
#include "route/near.h"

/* Near: reads are answered from copies in a store (route/near.h); where there is none the child answers, and its value becomes one.
 * All else goes to the child. The store is the second child; the words say under which name copies are there, and under which they are counted. */
enum { CHILD, STORE, CHILDREN };

struct route_state {
    struct near near;
    char name[BOARD_NAME]; /* under which it counts */
};

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    assert(route->children_n == CHILDREN && n == 2 && route->children[STORE]->store);
    struct route_state *state = generation_make_state(route, sizeof *state);
    state->near =
        (struct near){.store = route->children[STORE]->store,
                      .name = hash_bytes64(HASH_XXH3, (const void *)words[0].text, words[0].len, 0),
                      .ttl = route->options.seconds,
                      .share = route->options.share};
    snprintf(state->name, sizeof state->name, "%.*s", (int)words[1].len, words[1].text);
}

static void in_use(const struct route *route, struct board_tables *tables, bool is_used)
{
    struct route_state *state = route->state;
    if (is_used) state->near.counts = board_near(tables, state->name);
    state->near.counts->users += is_used ? 1 : (uint64_t)-1;
}

static const struct near *near_of(const struct route *route)
{
    return &route->state->near;
}

/* --- with a flow: the child is no pool ----------------------------------------------------------- */

static void start(struct flow *flow)
{
    const struct request *r = &flow->kept->r;
    *(struct near_read *)flow->own = near_begin(flow->turn, near_of(flow->route), r);
    flow_leg(flow, CHILD, flow->route->children[CHILD], r);
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    const struct request *r = &flow->kept->r;
    near_take(flow->turn, flow->generation, near_of(flow->route), r, flow->own, result);
    flow_finish(flow, result);
}

/* --- without one --------------------------------------------------------------------------------- */

static bool answer(struct turn *t, const struct generation *g, const struct route *route,
                   const struct request *r)
{
    return near_may_answer(r) && near_answer(t, g, near_of(route), r);
}

static struct near_read *read_in(struct direct *d)
{
    _Static_assert(sizeof(struct near_read) <= sizeof d->own, "it has room");
    return (struct near_read *)(void *)d->own;
}

static bool begin_direct(struct turn *t, struct generation *g, const struct route *route,
                         const struct request *r)
{
    struct direct *d = direct_create(t, g, route, r, DIRECT_KEEPS_KEY);
    *read_in(d) = near_begin(t, near_of(route), r);
    direct_send(d, route->children[CHILD], r);
    return true;
}

static void direct_done(struct direct *d, const struct result *result)
{
    const struct request *r = &d->kept.r;
    near_take(d->turn, d->generation, near_of(d->route), r, read_in(d), result);
    direct_finish(d, result);
}

static const struct direct_kind direct = {
    .answer = answer, .begin = begin_direct, .done = direct_done};

/* For explain. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    if (near_may_answer(r))
        way = walk_on(w, way, WALK_MAIN, "unless there is a copy of the last %g s in %s",
                      route->options.seconds, walk_name(route->children[STORE]));
    unsigned known = walk_route(w, route->children[CHILD], r, way);
    return near_may_answer(r) ? 0 : known;
}

const struct flow_kind flow_near = {.own_size = sizeof(struct near_read),
                                    .build = build,
                                    .in_use = in_use,
                                    .start = start,
                                    .leg_done = leg_done,
                                    .direct = &direct,
                                    .walk = walk};
