/* The life of a flow, of its legs, and of what it keeps.
 *
 * A request to a plain pool needs no flow: turn.c sends it, and its reply gets the events of the call. A request to a route
 * that is made of others, or to a function that waits, gets a flow: one block with struct flow, a leg for each child, and what
 * the kind of route wants to remember (own).
 *
 * It begins with flow_begin. The request is copied (kept.c), because the turn's slot and its arena do not outlive the turn. The
 * generation gets a reference, so that the routes stay until the flow ends, whatever script is loaded meanwhile. A write is
 * announced to the other workers (plan) until the flow ends. Then the kind's `start` runs.
 *
 * `start` begins legs with flow_leg; so does `leg_done`, which gets each leg's result. A leg goes to a child. Choosers choose
 * at once. A pool gets a call, whose last event ends the leg. A route made of others gets a flow of its own, whose end is this
 * leg. A function of the script cannot be called now, because the script may be what is running: the leg waits on
 * generation->undecided, holding its request, until the turn calls the script again and leg_run goes on with the route that it
 * chose. Whatever the way, a leg ends with leg_result, once. It may end before flow_leg returns: a server that is down refuses
 * a call at once.
 *
 * flow_finish delivers the flow's result to its end, once. A flow that is finished is not gone: calls and flows below still
 * point to its legs, and `leg_done` is called for those, too (a kind may have something to undo or to repeat elsewhere). The
 * flow is freed when it is finished, no leg is out, and none of its kind's code is running; only flow_leave decides that. Legs
 * that end while `start` or `leg_done` runs nest: is_entered is restored by each of them, and only the outermost one frees.
 *
 * Bytes of a result live during the call that passes it; a kind that is not sure yet keeps the best one (flow_keep_best). A
 * request has one copy for a flow and all that goes below it unchanged: they take references to it. A kind that needs its long
 * value no more gives it up (kept_drop_value), so that a slow server holds no more memory than what its connection has queued.
 *
 * When a client closes, the results for it are in vain. Each end can say whether it is awaited; a leg passes that on to its
 * flow's end, and so on, up to the reply. The turn then calls `drop` of those kinds that have one. The others just run on:
 * their calls have deadlines, and what they write may be wanted though nobody reads the answer.
 *
 * What must never happen: a leg that ends twice, or ends without being out; a result that is delivered twice; a block that is
 * freed while a leg is out; a kind that leaves its flow unfinished with nothing that will go on with it (a leg, an alarm,
 * another flow, the script). */
#include "route/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backend/written.h"
#include "base/slab.h"
#include "protocol/request.h"
#include "route/chooser.h"
#include "route/direct.h"
#include "route/generation.h"
#include "route/leaf.h"
#include "route/seen.h"

enum { DEEPEST = 32 }; /* functions below functions */

/* Also what must not hold: a request or routes that are gone. */
static bool flow_sane(const struct flow *flow)
{
    uint32_t out = 0;
    if (flow->kept->references == 0 || flow->generation->references == 0) return false;
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

/* From the loop, while a turn gathers: calls that it leads to are queued, and written at the turn's end. */
static void on_alarm(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct flow *flow = timer->data;
    (void)loop;
    (void)events;
    flow_enter(flow);
    flow->kind->alarm(flow);
    flow_leave(flow);
}

/* prev_flow points to the pointer that points to the flow, so it can be taken out of whichever list it is in. */
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
    assert(!t->is_ending && kept->references > 0);
    struct flow *flow = slab_borrow(flow_size(kind, legs));
    /* Field by field: flows come with requests, and to clear the block first would double the work. */
    flow->kind = kind;
    flow->route = route;
    flow->generation = generation_take(g);
    flow->turn = t;
    flow->kept = kept;
    flow->end = end;
    flow->next = NULL;
    flow->running = flow->tried = flow->chosen = 0;
    flow->is_entered = flow->is_outlived = false;
    flow->legs_n = legs;
    flow->plan = WRITES_NONE;
    flow->began = t->now;
    flow->best = NULL;
    flow->own = kind->own_size ? (uint8_t *)flow + own_at(legs) : NULL;
    for (uint32_t i = 0; i < legs; i++) flow->legs[i] = (struct leg){.flow = flow, .place = i};
    ev_init(&flow->timer, on_alarm);
    flow->timer.data = flow;
    if (written_may(&kept->r) && !t->is_explaining) {
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

void flow_free(struct flow *flow)
{
    slab_return(flow, flow_size(flow->kind, flow->legs_n));
}

/* The kind's release comes first: it may still look at the request. */
static void flow_destroy(struct flow *flow)
{
    assert(flow->running == 0 && flow_is_finished(flow) && !flow->is_entered);
    unlink_flow(flow);
    if (flow->kind->release) flow->kind->release(flow);
    flow_no_alarm(flow);
    if (flow->plan != WRITES_NONE) plans_end(&flow->turn->backends->writer, flow->plan);
    if (flow->best) {
        result_release(flow->best);
        slab_return(flow->best, sizeof *flow->best);
    }
    kept_give(flow->kept);
    generation_give(flow->generation);
    if (!flow->is_outlived) flow_free(flow);
}

void flow_enter(struct flow *flow)
{
    assert(flow_sane(flow));
    flow->is_entered = true;
}

/* The only place that decides whether a flow is freed. After this the caller must not touch it. */
void flow_leave(struct flow *flow)
{
    flow->is_entered = false;
    if (flow_is_finished(flow) && flow->running == 0) flow_destroy(flow);
}

void flow_finish(struct flow *flow, const struct result *result)
{
    struct flow_end end = flow->end;
    assert(result_sane(result));
    if (!end.on_result) return;
    flow->end.on_result = NULL; /* before the call: what it leads to may come back here */
    flow_no_alarm(flow);
    end.on_result(end.owner, end.place, result);
}

void flow_keep_best(struct flow *flow, const struct result *result)
{
    if (!flow->best) {
        flow->best = slab_borrow(sizeof *flow->best);
        result_init(flow->best);
    }
    result_keep(flow->best, result);
}

void flow_finish_best(struct flow *flow)
{
    assert(flow->best);
    struct result best = result_of(flow->best);
    flow_finish(flow, &best);
}

/* --- time -------------------------------------------------------------------------------------- */

void flow_alarm(struct flow *flow, double seconds)
{
    assert(flow->kind->alarm);
    flow_no_alarm(flow);
    ev_timer_set(&flow->timer, seconds, 0);
    ev_timer_start(flow->turn->loop, &flow->timer);
}

/* --- legs -------------------------------------------------------------------------------------- */

/* Takes over the caller's reference to `kept`. */
static void run(struct turn *t, struct generation *g, const struct route *route, struct kept *kept,
                struct flow_end end)
{
    assert(route->flow);
    struct flow *flow = flow_create(t, g, route, route->flow, kept, end);
    flow_enter(flow);
    flow->kind->start(flow);
    flow_leave(flow);
}

void leg_result(void *owner, uint32_t place, const struct result *result)
{
    struct leg *leg = owner;
    struct flow *flow = leg->flow;
    bool was_entered = flow->is_entered;
    (void)place;
    assert(leg->is_out && flow->running > 0 && result_sane(result));
    if (leg->request) kept_give(leg->request);
    leg->request = NULL;
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

/* --- whether a caller waits --------------------------------------------------------------------- */

/* True for a flow that is finished: its legs run on for what they do, and nothing is to be dropped. True as well for one that
 * other flows may have joined (see flow_coalesce): their clients are others. */
bool flow_is_awaited(const struct flow *flow)
{
    if (flow_is_finished(flow) || !flow->end.is_awaited || flow->kind->is_shared) return true;
    return flow->end.is_awaited(flow->end.owner);
}

/* Likewise. */
bool flow_goes_on(const struct flow *flow)
{
    if (flow_is_finished(flow) || !flow->end.goes_on || flow->kind->is_shared) return true;
    return flow->end.goes_on(flow->end.owner);
}

/* Every flow is looked at: a client that closes while it is owed something is rare next to requests. `drop` must not free
 * flows: it only makes them ready. */
void flows_drop(struct turn *t)
{
    t->abandoned = false;
    for (struct flow *flow = t->flows; flow; flow = flow->next_flow) {
        if (flow->kind->drop && !flow_is_awaited(flow)) flow->kind->drop(flow);
    }
}

/* A flow that finishes may take others with it, so the list is always read from its head. Those that have legs out stay, on a
 * list of their own meanwhile, until the servers' connections close. */
void flows_end(struct turn *t)
{
    struct flow *ended = NULL;
    static const char TEXT[] = "moongate ends";
    struct result result = {RESULT_DENIED, NULL, TEXT, sizeof TEXT - 1};
    for (struct generation *g = t->generation; g; g = g->next) {
        while (g->undecided) {
            struct leg *leg = g->undecided;
            g->undecided = leg->next;
            leg_result(leg, 0, &result);
        }
        g->undecided_end = &g->undecided;
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

/* Events of a leg's call (call_done_fn). Its request has one key, so each event is the last. The second form is for pools whose
 * failures count as misses. */
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

/* A reference where the leg carries the flow's own request; a copy of another one. */
static struct kept *keep(const struct flow *flow, const struct request *r)
{
    return r == &flow->kept->r ? kept_take(flow->kept) : kept_create(r);
}

/* Until the turn calls the script again. I7: a script whose functions lead to functions without end costs its request an error,
 * not the worker its stack. */
static void leg_wait_for_function(struct leg *leg, const struct request *r, uint32_t function)
{
    static const char TEXT[] = "routes without end";
    struct generation *g = leg->flow->generation;
    if (r->depth >= DEEPEST) {
        leg_result(leg, 0, &(struct result){RESULT_SCRIPT, NULL, TEXT, sizeof TEXT - 1});
        return;
    }
    leg->request = keep(leg->flow, r);
    leg->function = function;
    leg->next = NULL;
    *g->undecided_end = leg;
    g->undecided_end = &leg->next;
}

/* A leg in a slot gets a result, or goes on with the route that its function chose (leg_run): turn.c never sends a call for
 * it. */
static const struct receiver leg_receiver = {.on_result = leg_result,
                                             .is_awaited = leg_is_awaited,
                                             .above = leg_above,
                                             .goes_on = leg_goes_on};

void leg_fill_slot(struct leg *leg, struct request *slot)
{
    assert(leg->request && leg->is_out);
    *slot = leg->request->r;
    slot->owner = (uintptr_t)leg;
    slot->receiver = (uintptr_t)&leg_receiver;
    slot->depth++;
    slot->function_id = leg->function;
}

/* True: the policy's kind has sent the request, for which no flow is needed so far. Its receiver gets the result. */
static bool begins_direct(struct turn *t, struct generation *g, const struct route *route,
                          const struct request *r)
{
    const struct direct_kind *direct = route->flow->direct;
    if (!direct) return false;
    if (direct->answer && direct->answer(t, g, route, r)) return true;
    return route_is_leaf(route->children[0]) && direct->begin(t, g, route, r);
}

/* A policy below this leg's flow. */
static void leg_run_policy(struct leg *leg, const struct route *route, const struct request *r)
{
    struct flow *flow = leg->flow;
    struct request own = *r;
    own.owner = (uintptr_t)leg;
    own.receiver = (uintptr_t)&leg_receiver;
    own.part = leg->place;
    if (begins_direct(flow->turn, flow->generation, route, &own)) return;
    run(flow->turn, flow->generation, route, keep(flow, r),
        (struct flow_end){leg_result, leg, leg->place, leg_is_awaited, leg_above, leg_goes_on});
}

/* While moongate ends nothing new begins: the leg ends at once. */
static void leg_run_through(struct leg *leg, const struct route *route, const struct request *r)
{
    struct flow *flow = leg->flow;
    struct result result = {.kind = RESULT_MISS};
    assert(!route_is_chooser(route));
    if (flow->turn->is_ending) {
        leg_result(leg, 0, &result);
        return;
    }
    switch (route->kind) {
    case ROUTE_POOL:
    case ROUTE_STORE:
        if (flow->turn->seen) seen_for(flow->turn, flow->end);
        send_to_leaf(flow->turn, route, r, leg_news, leg_news_or_miss, leg);
        break;
    case ROUTE_FUNCTION:
    case ROUTE_ASYNC: leg_wait_for_function(leg, r, route->options.function_id); break;
    case ROUTE_MISS: leg_result(leg, 0, &result); break;
    case ROUTE_FAIL:
        result = (struct result){RESULT_DENIED, NULL, route->text, strlen(route->text)};
        leg_result(leg, 0, &result);
        break;
    default: leg_run_policy(leg, route, r); break;
    }
}

void leg_run(struct leg *leg, const struct route *route, const struct request *r)
{
    struct kept *held = leg->request; /* r may lie in it, and the leg may end meanwhile */
    struct request own;               /* choosers may rewrite the request for this leg alone */
    assert(leg->is_out);
    leg->request = NULL;
    if (route_is_chooser(route)) {
        own = *r;
        r = &own;
        route = route_follow(leg->flow->turn, route, &own);
    }
    leg_run_through(leg, route, r);
    if (held) kept_give(held);
}

struct leg *flow_take_leg(struct flow *flow, uint32_t place)
{
    struct leg *leg = &flow->legs[place];
    assert(place < flow->legs_n && !leg->is_out);
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
    return (struct flow_end){receiver->on_result,  (void *)r->owner, r->part,
                             receiver->is_awaited, receiver->above,  receiver->goes_on};
}

/* --- a route that is made of others ------------------------------------------------------------ */

void flow_begin(struct turn *t, struct generation *g, const struct route *route,
                const struct request *r)
{
    if (begins_direct(t, g, route, r)) return;
    run(t, g, route, kept_create(r), flow_end_of(r));
}
