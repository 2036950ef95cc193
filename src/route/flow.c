#include "route/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backend/written.h"
#include "base/slab.h"
#include "protocol/request.h"
#include "route/chooser.h"
#include "route/generation.h"
#include "route/send.h"

enum { DEEPEST = 32 }; /* functions below functions */

static bool flow_sane(const struct flow *flow)
{
    uint32_t out = 0;
    for (uint32_t i = 0; i < flow->legs_n; i++) out += flow->legs[i].is_out;
    return out == flow->running;
}

/* --- life -------------------------------------------------------------------------------------- */

static size_t own_at(uint32_t legs)
{
    return sizeof(struct flow) + sizeof(struct leg) * legs;
}

static size_t flow_size(const struct flow_kind *kind, uint32_t legs)
{
    return own_at(legs) + kind->own_size;
}

static void on_alarm(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct flow *flow = timer->data;
    (void)loop;
    (void)events;
    flow_enter(flow);
    flow->kind->alarm(flow);
    flow_leave(flow);
}

static void link_flow(struct flow *flow, struct flow **list)
{
    flow->next_flow = *list;
    flow->prev_flow = list;
    if (*list) (*list)->prev_flow = &flow->next_flow;
    *list = flow;
}

struct flow *flow_create(struct turn *t, struct generation *g, const struct route *route,
                         const struct flow_kind *kind, struct kept *kept, struct flow_end end)
{
    uint32_t legs = route->children_n + kind->more_legs;
    struct flow *flow = slab_borrow(flow_size(kind, legs));
    *flow = (struct flow){.kind = kind,
                          .route = route,
                          .generation = generation_take(g),
                          .turn = t,
                          .kept = kept,
                          .end = end,
                          .began = t->now,
                          .own = kind->own_size ? (uint8_t *)flow + own_at(legs) : NULL,
                          .legs_n = legs};
    for (uint32_t i = 0; i < legs; i++) flow->legs[i] = (struct leg){.flow = flow, .place = i};
    ev_init(&flow->timer, on_alarm);
    flow->timer.data = flow;
    if (written_may(&kept->r)) {
        flow->plan = written_pair(&kept->r);
        plans_begin(&t->backends->writer, flow->plan);
    }
    link_flow(flow, &t->flows);
    return flow;
}

static void unlink_flow(struct flow *flow)
{
    *flow->prev_flow = flow->next_flow;
    if (flow->next_flow) flow->next_flow->prev_flow = flow->prev_flow;
}

static void drop_best(struct flow *flow)
{
    if (!flow->best) return;
    result_release(flow->best);
    slab_return(flow->best, sizeof *flow->best);
}

void flow_free(struct flow *flow)
{
    slab_return(flow, flow_size(flow->kind, flow->legs_n));
}

static void flow_destroy(struct flow *flow)
{
    unlink_flow(flow);
    if (flow->kind->release) flow->kind->release(flow);
    flow_no_alarm(flow);
    if (flow->plan != WRITES_NONE) plans_end(&flow->turn->backends->writer, flow->plan);
    drop_best(flow);
    kept_give(flow->kept);
    generation_give(flow->generation);
    if (!flow->is_outlived) flow_free(flow);
}

void flow_enter(struct flow *flow)
{
    assert(flow_sane(flow));
    flow->is_entered = true;
}

void flow_leave(struct flow *flow)
{
    flow->is_entered = false;
    if (flow_is_finished(flow) && flow->running == 0) flow_destroy(flow);
}

void flow_finish(struct flow *flow, const struct result *result)
{
    struct flow_end end = flow->end;
    if (!end.done) return;
    flow->end.done = NULL;
    flow_no_alarm(flow);
    end.done(end.owner, end.place, result);
}

void flow_keep_best(struct flow *flow, const struct result *result)
{
    if (!flow->best) {
        flow->best = slab_borrow(sizeof *flow->best);
        *flow->best = (struct kept_result){0};
    }
    result_keep(flow->best, result);
}

void flow_finish_best(struct flow *flow)
{
    struct result best = result_of(flow->best);
    flow_finish(flow, &best);
}

/* --- time -------------------------------------------------------------------------------------- */

void flow_alarm(struct flow *flow, double seconds)
{
    flow_no_alarm(flow);
    ev_timer_set(&flow->timer, seconds, 0);
    ev_timer_start(flow->turn->loop, &flow->timer);
}

void flow_make_ready(struct flow *flow)
{
    struct generation *g = flow->generation;
    flow->next = NULL;
    *g->ready_end = flow;
    g->ready_end = &flow->next;
}

void flow_not_ready(struct flow *flow)
{
    struct generation *g = flow->generation;
    struct flow **at = &g->ready;
    while (*at && *at != flow) at = &(*at)->next;
    if (!*at) return; /* moongate ends: the list was dropped as a whole */
    *at = flow->next;
    if (!*at) g->ready_end = at;
}

/* --- legs -------------------------------------------------------------------------------------- */

/* Takes over the count of `kept`. */
static void run(struct turn *t, struct generation *g, const struct route *route, struct kept *kept,
                struct flow_end end)
{
    struct flow *flow = flow_create(t, g, route, route->flow, kept, end);
    flow_enter(flow);
    flow->kind->start(flow);
    flow_leave(flow);
}

static void give_question(struct leg *leg)
{
    if (leg->asks) kept_give(leg->asks);
    leg->asks = NULL;
}

void leg_result(void *owner, uint32_t place, const struct result *result)
{
    struct leg *leg = owner;
    struct flow *flow = leg->flow;
    bool was_entered = flow->is_entered;
    (void)place;
    assert(leg->is_out);
    give_question(leg);
    leg->is_out = false;
    flow->running--;
    flow->is_entered = true;
    flow->kind->leg_done(flow, leg->place, result);
    flow->is_entered = was_entered;
    if (!was_entered) flow_leave(flow);
}

static void move(struct flow *flow, struct flow **list)
{
    unlink_flow(flow);
    link_flow(flow, list);
}

/* --- who waits --------------------------------------------------------------------------------- */

/* A flow that has told its end lets its legs run on for what they do, not for what they say. One that others joined (see
 * flow_coalesce) is wanted by those too. */
bool flow_is_awaited(const struct flow *flow)
{
    if (flow_is_finished(flow) || !flow->end.awaits || flow->kind->is_shared) return true;
    return flow->end.awaits(flow->end.owner);
}

bool leg_is_awaited(const void *owner)
{
    const struct leg *leg = owner;
    return flow_is_awaited(leg->flow);
}

void flows_drop(struct turn *t)
{
    t->abandoned = false;
    for (struct flow *flow = t->flows; flow; flow = flow->next_flow) {
        if (flow->kind->drop && !flow_is_awaited(flow)) flow->kind->drop(flow);
    }
}

/* Each end that is told may take other flows with it, so the list is taken from its head. */
void flows_end(struct turn *t)
{
    struct flow *ended = NULL;
    static const char TEXT[] = "moongate ends";
    struct result result = {RESULT_DENIED, NULL, TEXT, sizeof TEXT - 1};
    for (struct generation *g = t->generation; g; g = g->next) {
        while (g->asking) {
            struct leg *leg = g->asking;
            g->asking = leg->next;
            leg_result(leg, 0, &result);
        }
        g->asking_end = &g->asking;
        g->ready = NULL;
        g->ready_end = &g->ready;
    }
    while (t->flows) {
        struct flow *flow = t->flows;
        move(flow, &ended);
        flow_enter(flow);
        flow_finish(flow, &result);
        flow_leave(flow);
    }
    while (ended) move(ended, &t->flows);
}

/* News of a leg's call; the second form for pools whose failures are misses (call_done_fn). */
static void leg_news(void *owner, const struct call_news *news)
{
    struct result result = result_from_news(news);
    leg_result(owner, 0, &result);
}

static void leg_news_or_miss(void *owner, const struct call_news *news)
{
    static const struct result miss = {.kind = RESULT_MISS};
    if (news->event == CALL_FAILED)
        leg_result(owner, 0, &miss);
    else
        leg_news(owner, news);
}

static struct kept *keep(const struct flow *flow, const struct request *r)
{
    return r == &flow->kept->r ? kept_take(flow->kept) : kept_create(r);
}

/* The script is asked when the turn next asks it; the leg holds the place. */
static void leg_ask(struct leg *leg, const struct request *r, uint32_t function)
{
    static const char TEXT[] = "routes without end";
    struct generation *g = leg->flow->generation;
    if (r->depth >= DEEPEST) {
        leg_result(leg, 0, &(struct result){RESULT_SCRIPT, NULL, TEXT, sizeof TEXT - 1});
        return;
    }
    leg->asks = keep(leg->flow, r);
    leg->function = function;
    leg->next = NULL;
    *g->asking_end = leg;
    g->asking_end = &leg->next;
}

/* A leg that is put to a function is run on by what it answers (leg_run), or gets a result; it is never called for itself. */
static const struct receiver leg_receiver = {.result = leg_result, .awaits = leg_is_awaited};

void leg_fill_slot(struct leg *leg, struct request *slot)
{
    *slot = leg->asks->r;
    slot->owner = (uintptr_t)leg;
    slot->receiver = (uintptr_t)&leg_receiver;
    slot->depth++;
    slot->function_id = leg->function;
}

/* Runs it through a route that is no chooser. */
static void leg_run_through(struct leg *leg, const struct route *route, const struct request *r)
{
    struct flow *flow = leg->flow;
    struct result result = {.kind = RESULT_MISS};
    if (flow->turn->is_ending) {
        leg_result(leg, 0, &result);
        return;
    }
    switch (route->kind) {
    case ROUTE_POOL:
        (void)send_to_pool(flow->turn, route->pool, r, leg_news, leg_news_or_miss, leg);
        break;
    case ROUTE_FUNCTION:
    case ROUTE_ASYNC: leg_ask(leg, r, route->options.function_id); break;
    case ROUTE_MISS: leg_result(leg, 0, &result); break;
    case ROUTE_FAIL:
        result = (struct result){RESULT_DENIED, NULL, route->text, strlen(route->text)};
        leg_result(leg, 0, &result);
        break;
    default:
        run(flow->turn, flow->generation, route, keep(flow, r),
            (struct flow_end){leg_result, leg, leg->place, leg_is_awaited});
        break;
    }
}

void leg_run(struct leg *leg, const struct route *route, const struct request *r)
{
    struct kept *asked = leg->asks; /* r may lie in it, and the leg may end meanwhile */
    struct request own;
    leg->asks = NULL;
    if (route_is_chooser(route)) {
        own = *r;
        r = &own;
        route = route_follow(leg->flow->turn, route, &own);
    }
    leg_run_through(leg, route, r);
    if (asked) kept_give(asked);
}

struct leg *flow_take_leg(struct flow *flow, uint32_t place)
{
    struct leg *leg = &flow->legs[place];
    assert(!leg->is_out);
    leg->is_out = true;
    flow->running++;
    flow->tried++;
    return leg;
}

void flow_leg(struct flow *flow, uint32_t place, const struct route *route, const struct request *r)
{
    leg_run(flow_take_leg(flow, place), route, r);
}

struct flow_end flow_end_of(const struct request *r)
{
    const struct receiver *receiver = receiver_of(r);
    return (struct flow_end){receiver->result, (void *)r->owner, r->part, receiver->awaits};
}

/* --- a route that is made of others ------------------------------------------------------------ */

void flow_begin(struct turn *t, struct generation *g, const struct route *route,
                const struct request *r, struct flow_end end)
{
    run(t, g, route, kept_create(r), end);
}

bool result_is_worse(unsigned kind, unsigned than)
{
    static const unsigned order[] = {RESULT_HIT, RESULT_MISS, RESULT_REFUSED, RESULT_ANY_ERROR};
    size_t a = 0, b = 0;
    while (!(order[a] & kind)) a++;
    while (!(order[b] & than)) b++;
    return a > b;
}
