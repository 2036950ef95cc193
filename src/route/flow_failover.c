#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "route/direct.h"
#include "route/elsewhere.h"
#include "route/generation.h"

/* Failover: one child after the other gets the request, until a result is not among those that `on` names. The first child is
 * always the first; with order shuffled or least_failures the others are sorted. `share` and `burst` are a token bucket over
 * the requests that may go beyond their first child (source: mcrouter's failover_limit): each request adds `share` tokens, each
 * further try takes one. So a pool that is down cannot bring its whole load down on the next one.
 *
 * I12: a cas is compared by the first child alone. A cas that another child has is not shown to the client. Where a miss goes
 * on to the next child, an item that the request may make (N) is made by the last child that is tried.
 *
 * With `within` a child that takes longer counts as one that has timed out. What it answers later is dropped; a recache win in that is
 * handed back. */
struct own {
    uint32_t waited_for; /* the child that was asked last */
    uint32_t won;        /* children whose late results took a win, a bit each */
};

struct route_state {
    double tokens;
    uint16_t on[COMMAND_COUNT]; /* with is_by_command: the option of each command */
    bool is_by_command;
    uint32_t failures[]; /* of each child, in a row, for least_failures */
};

enum {
    CHILDREN_MOST = 32
}; /* as lua/moongate/routes/failover.lua says: `chosen` has a bit for each */

/* Most failover routes remember nothing. */
static bool needs_state(const struct route_options *o, uint32_t words)
{
    return o->share < 1 || o->order == ORDER_LEAST_FAILURES || words > 0;
}

/* Results after which r goes on. The option has those of all commands, so it alone decides about most results. */
static unsigned on_of(const struct route *route, const struct request *r)
{
    const struct route_state *state = route->state;
    return state && state->is_by_command ? state->on[r->command_id] : route->options.on;
}

/* The child to try next, of those that were not tried yet. */
static uint32_t next_child(struct flow *flow)
{
    uint32_t n = flow->route->children_n, best = n;
    uint32_t order = flow->route->options.order;
    if (order == ORDER_AS_WRITTEN) return flow->tried;
    uint32_t skip = order == ORDER_SHUFFLED ? (uint32_t)(lrand48() % (n - flow->tried)) : 0;
    for (uint32_t i = 1; i < n; i++) {
        if (flow->chosen >> i & 1) continue;
        if (order == ORDER_SHUFFLED && skip-- == 0) return i;
        if (order != ORDER_LEAST_FAILURES) continue;
        const uint32_t *failures = flow->route->state->failures;
        if (best == n || failures[i] < failures[best]) best = i;
    }
    return best;
}

/* Whether none is left to try when so many legs were begun. */
static bool is_last(const struct flow *flow, uint32_t tried)
{
    return tried >= flow->route->options.tries || tried >= flow->route->children_n;
}

/* Without N where a further child may be tried after a miss: that one may have the item. */
static void try_child(struct flow *flow, uint32_t child)
{
    const struct request *r = &flow->kept->r;
    struct own *own = flow->own;
    assert(child < flow->route->children_n && !(flow->chosen >> child & 1));
    flow->chosen |= 1u << child;
    own->waited_for = child;
    if (flow->route->options.within > 0) flow_alarm(flow, flow->route->options.within);
    if (request_place(r) & PLACE_MAKES && on_of(flow->route, r) & RESULT_MISS &&
        !is_last(flow, flow->tried + 1))
        elsewhere_leg_without_making(flow, child);
    else
        flow_leg(flow, child, flow->route->children[child], r);
}

/* A request begins. The bucket fills by requests, not by time: `share` is a share of the traffic, whatever that is at the moment. */
static void fill_bucket(const struct route *route)
{
    const struct route_options *o = &route->options;
    if (o->share >= 1) return;
    double most = o->burst > 1 ? o->burst : 1, tokens = route->state->tokens + o->share;
    route->state->tokens = tokens < most ? tokens : most;
}

static void start(struct flow *flow)
{
    *(struct own *)flow->own = (struct own){.won = 0};
    fill_bucket(flow->route);
    try_child(flow, 0);
}

/* Whether a request may get as far as a second child. */
static bool may_fail_over(const struct route *route, const struct request *r)
{
    return route->options.tries > 1 && !(request_place(r) & PLACE_COMPARES);
}

/* Whether to try one more child: there is one, and the share of requests that go on is kept. A server that is known to be down
 * costs no time and gets no load, so the next try is free then (source: mcrouter). */
static bool may_go_on(struct flow *flow, const struct result *result)
{
    const struct route_options *o = &flow->route->options;
    if (!(o->on & result->kind) || is_last(flow, flow->tried)) return false;
    if (!(on_of(flow->route, &flow->kept->r) & result->kind)) return false;
    if (!may_fail_over(flow->route, &flow->kept->r)) return false;
    if (o->share >= 1 || result->kind == RESULT_DOWN) return true;
    struct route_state *state = flow->route->state;
    if (state->tokens < 1) return false;
    state->tokens -= 1;
    return true;
}

static void hand_back(struct flow *flow, uint32_t won)
{
    for (uint32_t i = 0; won; i++, won >>= 1) {
        if (won & 1) elsewhere_hand_back(flow, i);
    }
}

/* I12: only the first child may show its cas. */
static void finish(struct flow *flow, const struct result *result)
{
    struct own *own = flow->own;
    if (flow->tried > 1 && request_place(&flow->kept->r) & PLACE_ASKS)
        elsewhere_finish(flow, result);
    else
        flow_finish(flow, result);
    hand_back(flow, own->won);
}

/* The better of this result and the best before it: after misses and errors, a miss. Or this one, with `last`. */
static void finish_with_better(struct flow *flow, const struct result *result)
{
    if (flow->best && !flow->route->options.last &&
        result_is_worse(result->kind, flow->best->kind)) {
        struct result best = result_of(flow->best);
        finish(flow, &best);
    } else {
        finish(flow, result);
    }
}

/* failures count in a row, so one success puts a child back among the best. */
static void note(const struct route *route, uint32_t place, const struct result *result)
{
    if (!route->state) return;
    uint32_t *failures = &route->state->failures[place];
    *failures = result->kind & RESULT_ANY_ERROR ? *failures + 1 : 0;
}

/* The result of the child that is waited for. */
static void judge(struct flow *flow, uint32_t place, const struct result *result)
{
    note(flow->route, place, result);
    if (!may_go_on(flow, result)) {
        finish_with_better(flow, result);
        return;
    }
    if (!flow->best || !result_is_worse(result->kind, flow->best->kind))
        flow_keep_best(flow, result);
    try_child(flow, next_child(flow));
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    judge(flow, place, result);
}

/* --- with a bound for each child ------------------------------------------------------------------ */

/* Late results, and what hands back the wins in them, are not waited for. */
static void patient_leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    struct own *own = flow->own;
    bool is_late = flow_is_finished(flow) || place != own->waited_for;
    if (!is_late) {
        flow_no_alarm(flow);
        judge(flow, place, result);
    } else if (elsewhere_has_won(flow, place, result) && flow_is_finished(flow)) {
        elsewhere_hand_back(flow, place);
    } else if (elsewhere_has_won(flow, place, result)) {
        own->won |= 1u << place;
    }
}

static void on_alarm(struct flow *flow)
{
    static const char text[] = "timeout: no route has answered in its time";
    const struct result late = {.kind = RESULT_TIMEOUT, .text = text, .text_len = sizeof text - 1};
    const struct own *own = flow->own;
    judge(flow, own->waited_for, &late);
}

/* --- without a flow, as long as the first child answers ------------------------------------------ */

/* A request that makes an item goes to the first child in another form, see try_child. */
static bool begin_direct(struct turn *t, struct generation *g, const struct route *route,
                         const struct request *r)
{
    if (request_place(r) & PLACE_MAKES) return false;
    fill_bucket(route);
    struct direct *d = direct_create(t, g, route, r,
                                     may_fail_over(route, r) ? DIRECT_KEEPS_ALL : DIRECT_KEEPS_KEY);
    direct_send(d, route->children[0], r);
    return true;
}

/* The flow that is made now has tried the first child, and judges its result. */
static void direct_done(struct direct *d, const struct result *result)
{
    const struct route *route = d->route;
    if (!(route->options.on & result->kind) || !(on_of(route, &d->kept.r) & result->kind) ||
        !may_fail_over(route, &d->kept.r) || d->turn->is_ending) {
        note(route, 0, result);
        direct_finish(d, result);
        return;
    }
    struct flow *flow = direct_flow(d);
    *(struct own *)flow->own = (struct own){.won = 0};
    flow->chosen = 1;
    leg_result(&flow->legs[0], 0, result);
}

static const struct direct_kind direct = {.begin = begin_direct, .done = direct_done};

/* --- for explain -------------------------------------------------------------------------------- */

/* Without N, as try_child sends it to a child that is not the last. */
static const struct request *form_for(struct walk *w, const struct route *route,
                                      const struct request *r, uint32_t child,
                                      struct request *looks)
{
    const struct route_options *o = &route->options;
    bool is_last = child + 1 >= o->tries || child + 1 == route->children_n;
    if (!(request_place(r) & PLACE_MAKES) || !(on_of(route, r) & RESULT_MISS) || is_last) return r;
    request_without_making(r, looks, arena_alloc(w->e->arena, (size_t)r->args_len + 1));
    return looks;
}

static struct walk_way way_on(struct walk *w, const struct route *route, unsigned on,
                              struct walk_way way, uint32_t child)
{
    static const char *const orders[] = {[ORDER_SHUFFLED] = "in a random order",
                                         [ORDER_LEAST_FAILURES] =
                                             "the one with the fewest failures first"};
    const struct route_options *o = &route->options;
    enum walk_role role = on & RESULT_MISS ? WALK_ON_MISS : WALK_INSTEAD;
    bool is_ordered = o->order == ORDER_AS_WRITTEN;
    way = walk_after(w, way, role, on, route->children[is_ordered ? child : 0]);
    if (!is_ordered && route->children_n > 2) way = walk_on(w, way, role, "%s", orders[o->order]);
    if (o->within > 0) way = walk_on(w, way, role, "or after %g s", o->within);
    if (o->share < 1) way = walk_on(w, way, role, "for at most %g %% of requests", 100 * o->share);
    return way;
}

/* A child that answers by itself, without a server, decides at once whether the next is asked. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    const struct route_options *o = &route->options;
    unsigned on = on_of(route, r);
    uint32_t n = route->children_n;
    struct walk_way next = way;
    if (o->tries < n && o->order == ORDER_AS_WRITTEN) n = o->tries;
    if (o->tries < 2 || !on || request_place(r) & PLACE_COMPARES) n = 1;
    for (uint32_t i = 0; i < n; i++) {
        struct request looks;
        const struct request *form = form_for(w, route, r, i, &looks);
        unsigned known = walk_route(w, route->children[i], form, next);
        if (known && !(known & on)) return i == 0 ? known : 0;
        if (!known) next = way_on(w, route, on, way, i);
    }
    return 0;
}

/* --- the kinds: with `within` flows have an alarm, and a request has a flow from the beginning ----------- */

static const struct flow_kind patient = {.own_size = sizeof(struct own),
                                         .start = start,
                                         .leg_done = patient_leg_done,
                                         .alarm = on_alarm,
                                         .walk = walk};

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    struct route_state *state;
    assert(route->children_n <= CHILDREN_MOST);
    if (route->options.within > 0) route->flow = &patient;
    if (!needs_state(&route->options, n)) return;
    state =
        generation_make_state(route, sizeof *state + sizeof state->failures[0] * route->children_n);
    state->tokens = route->options.burst;
    state->is_by_command = n > 0;
    for (uint32_t i = 0; i < n; i++) {
        assert(words[i].command < COMMAND_COUNT);
        state->on[words[i].command] = (uint16_t)words[i].number;
    }
}

const struct flow_kind flow_failover = {.own_size = sizeof(struct own),
                                        .build = build,
                                        .start = start,
                                        .leg_done = leg_done,
                                        .direct = &direct,
                                        .walk = walk};
