#include "route/flow.h"

/* Delay, for rehearsals of slow servers: the child gets the request `before` seconds later, and the result is delivered `after`
 * seconds later. The result is kept meanwhile, because its bytes do not outlive the turn. */

static void begin(struct flow *flow)
{
    flow_leg(flow, 0, flow->route->children[0], &flow->kept->r);
}

static void start(struct flow *flow)
{
    if (flow->route->options.before > 0)
        flow_alarm(flow, flow->route->options.before);
    else
        begin(flow);
}

/* The first alarm or the second: `tried` says which. */
static void on_time(struct flow *flow)
{
    if (flow->tried == 0)
        begin(flow);
    else
        flow_finish_best(flow);
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    if (flow->route->options.after > 0) {
        flow_keep_best(flow, result);
        flow_alarm(flow, flow->route->options.after);
    } else {
        flow_finish(flow, result);
    }
}

/* For explain. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    double before = route->options.before;
    if (before > 0) way = walk_on(w, way, WALK_MAIN, "after %g s", before);
    return walk_route(w, route->children[0], r, way);
}

const struct flow_kind flow_delay = {
    .start = start, .leg_done = leg_done, .alarm = on_time, .walk = walk};
