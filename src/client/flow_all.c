#include "client/flow.h"

/* All children at once. What the end is told, and when, is `wait`'s matter; the others' results are dropped.
 *
 * all: after all, the worst result. none: a miss at once. fastest: the first that is no error. initial: the first child's.
 * majority: once more than half agree on the kind, that result; else the worst. hit: the first hit, else the best. (source: mcrouter's AllSync, AllAsync,
 * AllFastest, AllInitial, AllMajority) */

static void start(struct flow *flow)
{
    static const struct result miss = {.kind = RESULT_MISS};
    uint32_t n = flow->route->children_n;
    if (flow->route->options.wait == WAIT_NONE) flow_finish(flow, &miss);
    for (uint32_t i = 0; i < n; i++) flow_leg(flow, i, flow->route->children[i], &flow->kept->r);
    kept_drop_value(flow->kept); /* a slow child holds no memory beyond what its connection does */
}

/* What comes is kept where it counts more than what was kept before; the last one is told without keeping it. */
static void take(struct flow *flow, const struct result *result, bool counts, bool last)
{
    if (counts && last)
        flow_finish(flow, result);
    else if (last)
        flow_finish_best(flow);
    else if (counts)
        flow_keep_best(flow, result);
}

static void take_worst(struct flow *flow, const struct result *result, bool last)
{
    take(flow, result, !flow->best || result_is_worse(result->kind, flow->best->kind), last);
}

static void take_best(struct flow *flow, const struct result *result, bool last)
{
    take(flow, result, !flow->best || result_is_worse(flow->best->kind, result->kind), last);
}

/* Votes are counted in flow->chosen: four classes of result, eight bits each. */
static uint32_t vote(struct flow *flow, unsigned kind)
{
    unsigned class = kind & RESULT_HIT       ? 0
                     : kind & RESULT_MISS    ? 8
                     : kind & RESULT_REFUSED ? 16
                                             : 24;
    flow->chosen += 1u << class;
    return flow->chosen >> class & 0xff;
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    bool last = flow->tried == flow->route->children_n && flow->running == 0;
    if (flow_is_finished(flow)) return;
    switch (flow->route->options.wait) {
    case WAIT_INITIAL:
        if (place == 0) flow_finish(flow, result);
        return;
    case WAIT_FASTEST:
        if (last || !(result->kind & RESULT_ANY_ERROR)) flow_finish(flow, result);
        return;
    case WAIT_HIT: take_best(flow, result, last || result->kind == RESULT_HIT); return;
    case WAIT_MAJORITY:
        if (vote(flow, result->kind) * 2 > flow->route->children_n) {
            flow_finish(flow, result);
            return;
        }
        break;
    default: break;
    }
    take_worst(flow, result, last);
}

const struct flow_kind flow_all = {.start = start, .leg_done = leg_done};
