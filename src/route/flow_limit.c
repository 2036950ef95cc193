#include <assert.h>

#include "route/direct.h"

/* Limit: the first child, while fewer than most_in_flight requests to it are without an answer; else the second child, or,
 * where there is none, an error at once. I6: a child that is slow so bounds what waits for it, in each worker.
 *
 * A leg counts until it ends, not until its client closes: that is how long the server works on it. I12: the second child is
 * another place; policy.spare (lua/moongate/policy.lua) makes one that neither shows nor compares a cas. */
struct route_state {
    uint32_t in_flight;
};

static void start(struct flow *flow)
{
    static const char TEXT[] = "too many requests are in flight";
    struct route_state *state = flow->route->state;
    if (state->in_flight < flow->route->options.most_in_flight) {
        state->in_flight++;
        flow_leg(flow, 0, flow->route->children[0], &flow->kept->r);
    } else if (flow->route->children_n > 1) {
        flow_leg(flow, 1, flow->route->children[1], &flow->kept->r);
    } else {
        flow_finish(flow, &(struct result){RESULT_BUSY, NULL, TEXT, sizeof TEXT - 1});
    }
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    assert(place > 0 || flow->route->state->in_flight > 0);
    if (place == 0) flow->route->state->in_flight--;
    flow_finish(flow, result);
}

static bool begin_direct(struct turn *t, struct generation *g, const struct route *route,
                         const struct request *r)
{
    if (route->state->in_flight >= route->options.most_in_flight) return false;
    route->state->in_flight++;
    direct_send(direct_create(t, g, route, r, DIRECT_KEEPS_KEY), route->children[0], r);
    return true;
}

static void direct_done(struct direct *d, const struct result *result)
{
    assert(d->route->state->in_flight > 0);
    d->route->state->in_flight--;
    direct_finish(d, result);
}

static const struct direct_kind direct = {.begin = begin_direct, .done = direct_done};

/* For explain. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    uint32_t most = route->options.most_in_flight;
    (void)walk_route(w, route->children[0], r,
                     walk_on(w, way, WALK_MAIN, "while fewer than %u are in flight", most));
    if (route->children_n == 1) return 0;
    way = walk_on(w, way, WALK_INSTEAD, "while %u are in flight", most);
    way.is_first = false;
    (void)walk_route(w, route->children[1], r, way);
    return 0;
}

const struct flow_kind flow_limit = {.state_size = sizeof(struct route_state),
                                     .start = start,
                                     .leg_done = leg_done,
                                     .direct = &direct,
                                     .walk = walk};
