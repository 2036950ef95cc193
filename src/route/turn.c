/* How a turn of the loop runs, and why in this order.
 *
 * A turn begins when the loop wakes up. Each client that is readable is read, and its requests are parsed into the turn's
 * slots (client/requests.c). Each server that is readable is read, and each response goes at once to the owner of its call: to
 * a client's reply or to a leg of a flow, which may begin further legs. This only gathers: calls are appended to the output of
 * a server's connection, replies to the output of a client, and nothing is written. Just before the loop sleeps again turn_end
 * acts on it:
 *
 *   route     turn_route calls the script once (generation->ask), which decides for all slots. Then each slot is acted on, in
 *             order: its request becomes a call (send_to), a flow begins (flow.c), or the receiver gets the script's answer.
 *   flush     each server's connection that has output is written.
 *   settle    the front writes to each client that has output. Where that made room, it takes requests that had waited for it
 *             into slots; so turn_end goes around again until nothing waits.
 *   clean up  generations without references retire, and the arena, in which all that was read lies, is reset.
 *
 * Why once a turn: a call into Lua, a write to a server and a write to a client each cost more than the work on one request,
 * so as many requests as possible share them. Why servers are written before clients: clients wait for the servers. Why retire
 * and reset come last: slots, answers and requests point into the arena and into the script. A slot is cleared (turn_forget)
 * as soon as it was acted on, because a script may keep a request and look at it later.
 *
 * I1: the requests of one client reach a server in the client's order. They stand in the slots in that order, and all calls of
 * one client to one server use one connection; so it is enough to act on the slots in order. Three things could break that
 * order:
 *
 *   - A policy's child may be a function, so the leg waits on generation->undecided until the script is called again. The next
 *     request of the same client would overtake it. Before that request is acted on (must_follow), decide_at_once lets the
 *     script decide for those legs, in slots behind all others. Requests of other clients need not wait: the legs go with the
 *     next round.
 *   - A function makes calls (mg.call, mg.spawn) while the script decides for the whole batch, that is, before any slot is
 *     acted on. They wait in turn->later with the number of their slot, and begin right before that slot is acted on (later.c).
 *   - Some things cannot wait for the end of the turn: no slot is free, the arena is full, a client asks for something about all
 *     servers. They call turn_route, which routes everything so far; nothing is taken out of its order.
 *
 * What must never happen: that turn_route is entered while it runs, for Lua must not be entered from a C function that it
 * called (is_routing); that a slot is left undecided; that the loop sleeps while something waits for the script (is_waiting). */
#include "route/turn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/process.h"
#include "route/flow.h"
#include "route/generation.h"
#include "route/later.h"
#include "route/leaf.h"
#include "route/seen.h"
#include "route/send.h"
#include "route/spool.h"

static bool turn_sane(const struct turn *t)
{
    return t->used <= TURN_SLOTS && (t->later == NULL) == (t->later_end == &t->later);
}

void turn_init(struct turn *t, struct ev_loop *loop, struct arena *arena, struct backends *backends,
               struct board_row *row, const struct turn_limits *limits)
{
    *t = (struct turn){
        .loop = loop, .arena = arena, .backends = backends, .row = row, .limits = *limits};
    t->later_end = &t->later;
    t->slots = calloc(TURN_SLOTS, sizeof *t->slots);
    t->answers = calloc(TURN_SLOTS, sizeof *t->answers);
    if (!t->slots || !t->answers) abort();
}

struct request *turn_slot(struct turn *t)
{
    if (t->used >= TURN_CLIENT_SLOTS) turn_route(t);
    assert(t->used < TURN_CLIENT_SLOTS); /* I6 */
    return &t->slots[t->used];
}

/* key_at is what scripts look at first: without it a request is over for them. */
void turn_forget(struct request *r)
{
    r->key_at = r->value_at = r->shown_key_at = 0;
    r->key_len = 0;
    r->value_len = 0;
}

/* --- generations ------------------------------------------------------------------------------- */

static bool has_stores(const struct generation *g)
{
    for (uint32_t i = 0; i < g->routes_n; i++)
        if (g->routes[i]->store) return true;
    return false;
}

/* is_used: its script comes into use; else it goes. */
static void note_use(const struct turn *t, const struct generation *g, bool is_used)
{
    for (uint32_t i = 0; g && i < g->routes_n; i++) {
        const struct flow_kind *kind = g->routes[i]->flow;
        if (kind && kind->in_use) kind->in_use(g->routes[i], &t->backends->part->tables, is_used);
    }
}

/* Requests that have come before the new script was in use are routed by the old one. What is in flight ends there, too: its
 * flows hold references (see generation.c). */
void turn_adopt(struct turn *t, struct generation *g)
{
    struct generation *old = t->generation;
    assert(g != old && g->references > 0 && !t->is_ending);
    turn_route(t);
    g->next = old;
    t->generation = g;
    t->has_stores = has_stores(g);
    note_use(t, g, true);
    note_use(t, old, false);
    if (old) generation_give(old);
}

/* The current generation is among those only when the turn itself is released. */
static void retire_generations(struct turn *t)
{
    struct generation **at = &t->generation;
    while (*at) {
        struct generation *g = *at;
        if (g->references > 0) {
            at = &g->next;
            continue;
        }
        assert(!g->undecided && !g->ready && (g != t->generation || t->is_ending));
        *at = g->next;
        g->retire(g->router);
    }
}

/* Flows are finished first, so that their owners get a result. Their legs are still out then: each ends as the connections to the
 * servers close and fail its call. is_ending keeps those ends from beginning anything new. */
void turn_release(struct turn *t)
{
    turn_end(t);
    assert(t->used == 0 && !t->later);
    t->is_ending = true;
    flows_end(t);
    backends_stop(t->backends);
    assert(!t->flows);
    if (t->generation) generation_give(t->generation);
    retire_generations(t);
    free(t->slots);
    free(t->answers);
    *t = (struct turn){0};
}

/* --- routing ----------------------------------------------------------------------------------- */

/* The hot path: a client's request that goes to a pool needs no flow; the call's events go straight to its reply (I2: to the
 * owner that came with the request). I11: only keys of one multi-key get share a call. */
static void send_to(struct turn *t, const struct request *r, struct pool *pool)
{
    const struct receiver *receiver = receiver_of(r);
    void *owner = (void *)r->owner;
    bool streams = receiver->takes_streamed && !r->multi;
    enum backend_status status =
        send_to_pool(t, pool, r, receiver->on_news, receiver->on_news_or_miss, owner, streams);
    if (status != BACKEND_JOINED) return;
    assert(r->multi);
    receiver->on_joined(owner);
}

/* I7: the script answers with an error, or has raised one. */
static struct result refusal(const struct answer *a)
{
    bool is_scripts = a->text_at == (uintptr_t)RESULT_SCRIPT_TEXT;
    return (struct result){is_scripts ? RESULT_SCRIPT : RESULT_DENIED, NULL,
                           (const char *)a->text_at, a->text_len};
}

/* A store, or a policy. */
static void begin(struct turn *t, struct generation *g, const struct route *route,
                  const struct request *r)
{
    const struct receiver *receiver = receiver_of(r);
    if (route->kind == ROUTE_STORE)
        send_to_store(t, route->store, r, receiver->on_news, receiver->write, (void *)r->owner);
    else
        flow_begin(t, g, route, r);
}

/* All other cases: a route that is not a pool, an answer that the script gives itself, and every request of a leg (it has a
 * depth). */
static void run(struct turn *t, struct generation *g, struct request *r, const struct answer *a)
{
    const struct receiver *receiver = receiver_of(r);
    struct result result = {.kind = RESULT_MISS};
    if (a->route >= 0 && r->depth) {
        leg_run((struct leg *)r->owner, g->routes[a->route], r);
        return;
    }
    if (a->route >= 0) {
        begin(t, g, g->routes[a->route], r);
        return;
    }
    assert(a->route == ANSWER_MISS || a->route == ANSWER_REFUSE);
    if (a->route == ANSWER_REFUSE) result = refusal(a);
    receiver->on_result((void *)r->owner, r->part, &result);
}

/* A slot, exactly once. TAKEN: the script has given the result itself, or holds the request in a flow of its own. */
static void act(struct turn *t, struct generation *g, struct request *r, const struct answer *a)
{
    assert(a->route != ANSWER_NONE && a->route < (int32_t)g->routes_n);
    if (__builtin_expect(r->meta & META_SEEN, 0) && t->seen && a->route != ANSWER_TAKEN)
        seen_routed(t, r, a->route >= 0 ? g->routes[a->route] : NULL);
    if (a->route >= 0 && g->routes[a->route]->kind == ROUTE_POOL && r->depth == 0)
        send_to(t, r, g->routes[a->route]->pool);
    else if (a->route != ANSWER_TAKEN)
        run(t, g, r, a);
    turn_forget(r);
}

/* Legs that wait to be put to a function take slots, as long as fewer than `room` are used; the others wait for the next
 * round. */
static void take_undecided(struct turn *t, struct generation *g, uint32_t room)
{
    while (g->undecided && t->used < room) {
        struct leg *leg = g->undecided;
        g->undecided = leg->next;
        leg_fill_slot(leg, &t->slots[t->used++]);
    }
    if (!g->undecided) g->undecided_end = &g->undecided;
}

/* Lets the script decide at once for the legs in `undecided`, and acts on them, in slots behind those that are in use. Those
 * legs may put further legs there, so this goes on until the list is empty. What the script makes for `later` meanwhile belongs
 * to these slots: the list that stands there waits for its own. */
static void decide_at_once(struct turn *t, struct generation *g)
{
    uint32_t first = t->used;
    assert(turn_sane(t));
    struct flow *later = t->later, **later_end = t->later_end;
    while (g->undecided && first < TURN_SLOTS) {
        t->later = NULL;
        t->later_end = &t->later;
        take_undecided(t, g, TURN_SLOTS);
        uint32_t n = t->used;
        g->ask(g->router, t->slots + first, t->answers + first, n - first);
        t->row->keys_routed += n - first;
        for (uint32_t i = first; i < n; i++) {
            flows_begin(t, i);
            act(t, g, &t->slots[i], &t->answers[i]);
        }
        flows_begin(t, TURN_SLOTS);
        t->used = first;
    }
    t->later = later;
    t->later_end = later ? later_end : &t->later;
}

/* The next request of the same client must not be sent before the one before it, a leg of which may wait in `undecided`. Keys
 * of one get have one owner and may overtake each other. */
static bool must_follow(const struct request *next, const struct request *before)
{
    return next->affinity == before->affinity && next->owner != before->owner;
}

/* One round with one generation. The reference keeps the generation from coming down to none, and back up, when the last of its
 * flows ends as another one begins. */
static void ask(struct turn *t, struct generation *g)
{
    take_undecided(t, g, TURN_CLIENT_SLOTS);
    uint32_t n = t->used;
    if (n == 0 && !g->ready) return;
    generation_take(g);
    g->ask(g->router, t->slots, t->answers, n);
    if (t->seen) t->seen_at = process_clock();
    t->row->keys_routed += n; /* first, because statistics may be among the answers */
    for (uint32_t i = 0; i < n; i++) {
        if (g->undecided && i > 0 && must_follow(&t->slots[i], &t->slots[i - 1]))
            decide_at_once(t, g);
        flows_begin(t, i);
        act(t, g, &t->slots[i], &t->answers[i]);
    }
    flows_begin(t, TURN_SLOTS);
    t->used = 0;
    generation_give(g);
}

/* The current generation comes first, because the slots hold clients' requests, which are routed by it. The older ones decide
 * only for their own legs and functions. */
void turn_route(struct turn *t)
{
    assert(!t->is_routing && turn_sane(t));
    t->is_routing = true;
    t->backends->from = NULL; /* what the script answers comes from no server */
    if (__builtin_expect(t->spool != NULL, 0)) spool_look(t->spool);
    if (t->look && t->used > 0) t->look(t->front);
    if (t->abandoned) flows_drop(t);
    flows_begin(t, TURN_SLOTS); /* what the script's timers have made */
    if (t->generation) ask(t, t->generation);
    for (struct generation *g = t->generation ? t->generation->next : NULL; g; g = g->next)
        ask(t, g);
    t->is_routing = false;
}

/* Something waits to be put to a script. */
static bool is_waiting(const struct turn *t)
{
    for (const struct generation *g = t->generation; g; g = g->next) {
        if (g->undecided || g->ready) return true;
    }
    return t->used > 0 || t->later || t->abandoned;
}

/* A store takes it now, while the processor's cache has it, and its blob is there for the next one. */
static bool has_long_value(const struct turn *t)
{
    const struct blob *last = t->arena->adopted;
    return __builtin_expect(last != NULL, 0) && t->has_stores && last->cap >= TURN_LONG_VALUE;
}

/* Everything that lies in the arena belongs to slots (or was used up), so once those are acted on the arena may be reset
 * early. */
void turn_make_room(struct turn *t, size_t n)
{
    if (arena_room(t->arena) >= n && !has_long_value(t)) return;
    turn_route(t);
    arena_reset(t->arena);
}

/* --- the end of the turn ----------------------------------------------------------------------- */

/* The head of this file says why in this order. */
void turn_end(struct turn *t)
{
    do {
        turn_route(t);
        backends_flush(t->backends);
        if (t->settle) t->settle(t->front);
    } while (is_waiting(t));
    retire_generations(t);
    arena_reset(t->arena);
}
