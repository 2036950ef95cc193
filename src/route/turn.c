#include "route/turn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "route/flow.h"
#include "route/generation.h"
#include "route/later.h"
#include "route/send.h"

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
    return &t->slots[t->used];
}

void turn_forget(struct request *r)
{
    r->key_at = r->value_at = r->shown_key_at = 0;
    r->key_len = 0;
    r->value_len = 0;
}

/* --- generations ------------------------------------------------------------------------------- */

void turn_adopt(struct turn *t, struct generation *g)
{
    struct generation *old = t->generation;
    turn_route(t);
    g->next = old;
    t->generation = g;
    if (old) generation_give(old);
}

/* Those that nothing runs on any more may go. */
static void retire_generations(struct turn *t)
{
    struct generation **at = &t->generation;
    while (*at) {
        struct generation *g = *at;
        if (g->counts > 0) {
            at = &g->next;
            continue;
        }
        *at = g->next;
        g->retire(g->router);
    }
}

void turn_release(struct turn *t)
{
    turn_end(t);
    t->is_ending = true;
    flows_end(t);
    backends_stop(t->backends); /* legs that are out end with their calls */
    assert(!t->flows);
    if (t->generation) generation_give(t->generation);
    retire_generations(t);
    free(t->slots);
    free(t->answers);
    *t = (struct turn){0};
}

/* --- routing ----------------------------------------------------------------------------------- */

static void send_to(struct turn *t, const struct request *r, struct pool *pool)
{
    const struct receiver *receiver = receiver_of(r);
    void *owner = (void *)r->owner;
    if (send_to_pool(t, pool, r, receiver->news, receiver->news_or_miss, owner) == BACKEND_JOINED)
        receiver->joined(owner);
}

/* A route that is not a pool, or one that is a leg's. */
static void run(struct turn *t, struct generation *g, struct request *r, const struct answer *a)
{
    struct flow_end end = flow_end_of(r);
    struct result result = {.kind = RESULT_MISS};
    if (a->route >= 0 && r->depth) {
        leg_run((struct leg *)r->owner, g->routes[a->route], r);
        return;
    }
    if (a->route >= 0) {
        flow_begin(t, g, g->routes[a->route], r, end);
        return;
    }
    if (a->route == ANSWER_REFUSE)
        result = (struct result){RESULT_DENIED, NULL, (const char *)a->text_at, a->text_len};
    end.done(end.owner, end.place, &result);
}

static void act(struct turn *t, struct generation *g, struct request *r, const struct answer *a)
{
    assert(a->route != ANSWER_NONE);
    if (a->route >= 0 && g->routes[a->route]->kind == ROUTE_POOL && r->depth == 0)
        send_to(t, r, g->routes[a->route]->pool);
    else if (a->route != ANSWER_TAKEN)
        run(t, g, r, a);
    turn_forget(r);
}

/* Legs that wait to be put to a function take slots, up to `room`. */
static void take_asking(struct turn *t, struct generation *g, uint32_t room)
{
    while (g->asking && t->used < room) {
        struct leg *leg = g->asking;
        g->asking = leg->next;
        leg_fill_slot(leg, &t->slots[t->used++]);
    }
    if (!g->asking) g->asking_end = &g->asking;
}

/* What has been put to functions by what is in the slots up to now is answered and acted on, in slots behind those. */
static void ask_at_once(struct turn *t, struct generation *g)
{
    uint32_t first = t->used;
    struct flow *later = t->later, **later_end = t->later_end;
    while (g->asking && first < TURN_SLOTS) {
        t->later = NULL;
        t->later_end = &t->later;
        take_asking(t, g, TURN_SLOTS);
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

/* The next request of the same client: it must not be sent before the one before it, which may wait in `asking`. */
static bool must_follow(const struct request *next, const struct request *before)
{
    return next->affinity == before->affinity && next->owner != before->owner;
}

static void ask(struct turn *t, struct generation *g)
{
    take_asking(t, g, TURN_CLIENT_SLOTS);
    uint32_t n = t->used;
    if (n == 0 && !g->ready) return;
    generation_take(g);
    g->ask(g->router, t->slots, t->answers, n);
    t->row->keys_routed += n; /* before anything is answered, so that statistics among it know */
    for (uint32_t i = 0; i < n; i++) {
        if (g->asking && i > 0 && must_follow(&t->slots[i], &t->slots[i - 1])) ask_at_once(t, g);
        flows_begin(t, i);
        act(t, g, &t->slots[i], &t->answers[i]);
    }
    flows_begin(t, TURN_SLOTS);
    t->used = 0;
    generation_give(g);
}

void turn_route(struct turn *t)
{
    if (t->abandoned) flows_drop(t);
    flows_begin(t, TURN_SLOTS);               /* what was asked for outside of a turn */
    if (t->generation) ask(t, t->generation); /* clients' requests are in the slots already */
    for (struct generation *g = t->generation ? t->generation->next : NULL; g; g = g->next)
        ask(t, g);
}

/* Something waits to be put to a script. */
static bool is_waiting(const struct turn *t)
{
    for (const struct generation *g = t->generation; g; g = g->next) {
        if (g->asking || g->ready) return true;
    }
    return t->used > 0 || t->later || t->abandoned;
}

void turn_make_room(struct turn *t, size_t n)
{
    if (arena_room(t->arena) >= n) return;
    turn_route(t);
    arena_reset(t->arena);
}

/* --- the end of the turn ----------------------------------------------------------------------- */

void turn_end(struct turn *t)
{
    /* Clients that have room again go on with what had waited: once more around. */
    do {
        turn_route(t);
        backends_flush(t->backends);
        if (t->settle) t->settle(t->front);
    } while (is_waiting(t));
    retire_generations(t);
    arena_reset(t->arena);
}
