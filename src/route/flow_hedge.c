#include <assert.h>

#include "base/latency.h"
#include "route/elsewhere.h"

/* Hedge: the first child gets the request; when it takes longer than a percentile of its own times, or fails, the second child
 * gets it as well. The first good result is the flow's (source: Dean and Barroso, The Tail at Scale). I12: only reads that mean
 * the same in both places are sent twice, since a write might be done twice, and a cas belongs to one server. An mg that finds
 * a stale item takes its recache win: a win in the answer that is dropped is handed back. */

enum { REMEMBERED = 1024 }; /* times after which all are halved, so that old ones fade */

struct route_state {
    struct latency times;
    uint64_t n;        /* how many they are */
    double percentile; /* of them, in seconds */
};

static void forget_half(struct route_state *state)
{
    state->n = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) state->n += state->times.counts[i] /= 2;
}

/* The percentile costs a walk over all buckets, so where there are many times, each of which moves it little, only every 16th
 * brings a new one. */
static void remember(struct route_state *state, double seconds, double percentile)
{
    latency_note(&state->times, seconds);
    if (++state->n >= REMEMBERED) forget_half(state);
    if (state->n < 64 || state->n % 16 == 0)
        state->percentile = latency_percentile(&state->times, percentile);
}

/* Seconds that the first child may take: a percentile of its times, between `least` and `most`; `most` while no time is known. */
static double patience(const struct route_state *state, const struct route_options *o)
{
    double seconds = state->n > 0 ? state->percentile : o->most;
    if (seconds < o->least) return o->least;
    return seconds > o->most ? o->most : seconds;
}

static bool may_be_sent_twice(const struct request *r)
{
    return request_only_reads(r) && request_place(r) == 0;
}

/* The leg may have ended at once, with or without the second child: then there is nothing to wait for. */
static void start(struct flow *flow)
{
    flow_leg(flow, 0, flow->route->children[0], &flow->kept->r);
    if (flow->tried == 1 && !flow_is_finished(flow) && may_be_sent_twice(&flow->kept->r))
        flow_alarm(flow, patience(flow->route->state, &flow->route->options));
}

static void begin_second(struct flow *flow)
{
    assert(flow->tried == 1 && may_be_sent_twice(&flow->kept->r));
    flow_no_alarm(flow);
    flow_leg(flow, 1, flow->route->children[1], &flow->kept->r);
}

/* Noted in `chosen`, a bit a child. */
static void hand_back(struct flow *flow, uint32_t place)
{
    flow->chosen |= 1u << place;
    elsewhere_hand_back(flow, place);
}

/* An error of the first child begins the second at once. After that the first good result finishes, or the last error. Times of
 * the second child are not remembered: it may be another pool. */
static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    bool is_error = result->kind & RESULT_ANY_ERROR;
    if (flow->chosen >> place & 1) return; /* the answer to the request that handed a win back */
    if (place == 0 && !is_error)
        remember(flow->route->state, flow->turn->now - flow->began,
                 flow->route->options.percentile);
    if (is_error && flow->tried == 1 && may_be_sent_twice(&flow->kept->r))
        begin_second(flow);
    else if (flow_is_finished(flow) && elsewhere_has_won(flow, place, result))
        hand_back(flow, place);
    else if (flow->running == 0 || !is_error)
        flow_finish(flow, result);
}

/* For explain. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    const struct route_options *o = &route->options;
    const struct route *first = route->children[0], *second = route->children[1];
    unsigned known = walk_route(w, first, r, way);
    if (!may_be_sent_twice(r) || (known && !(known & RESULT_ANY_ERROR))) return known;
    if (!known) {
        way = walk_on(w, way, WALK_INSTEAD,
                      "on an error of %s or when it is slow (%g to %g ms, by its usual times)",
                      walk_name(first), 1e3 * o->least, 1e3 * o->most);
        way.is_first = false;
    }
    known = walk_route(w, second, r, way);
    walk_hand_back(w, first, r, way);
    walk_hand_back(w, second, r, way);
    return known;
}

const struct flow_kind flow_hedge = {.state_size = sizeof(struct route_state),
                                     .start = start,
                                     .leg_done = leg_done,
                                     .alarm = begin_second,
                                     .walk = walk};
