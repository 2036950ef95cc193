#include "base/log.h"
#include "route/flow.h"

/* Log: passes requests on to its child, and logs each with its result when the result comes; `burst` lines a second at most. */
struct route_state {
    struct log_limit limit;
};

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    route->state->limit.burst = (unsigned)route->options.burst;
}

static void start(struct flow *flow)
{
    flow_leg(flow, 0, flow->route->children[0], &flow->kept->r);
}

static const char *kind_name(unsigned kind)
{
    switch (kind) {
#define X(name, bit, text, meaning)                                                                \
    case RESULT_##name: return text;
        RESULTS(X)
#undef X
    default: return "?";
    }
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    const struct request *r = &flow->kept->r;
    const struct turn *t = flow->turn;
    if (log_allows(&flow->route->state->limit, t->now))
        log_info("route %s: %s %.*s: %s (%u bytes sent, %zu received, %.1f ms)", flow->route->text,
                 command_info(r->command_id)->text, (int)r->key_len, (const char *)r->key_at,
                 kind_name(result->kind), r->value_len,
                 result->news ? result->news->response->len : 0, (t->now - flow->began) * 1e3);
    flow_finish(flow, result);
}

/* For explain. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    return walk_route(w, route->children[0], r, way);
}

const struct flow_kind flow_log = {.state_size = sizeof(struct route_state),
                                   .build = build,
                                   .start = start,
                                   .leg_done = leg_done,
                                   .walk = walk};
