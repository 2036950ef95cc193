#include "client/turn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/reply.h"

void turn_init(struct turn *t, struct ev_loop *loop, struct arena *arena, struct backends *backends,
               struct board_row *row, const struct turn_limits *limits)
{
    *t = (struct turn){.loop = loop,
                       .arena = arena,
                       .backends = backends,
                       .row = row,
                       .limits = *limits,
                       .log = {.burst = 20}};
    t->slots = calloc(TURN_SLOTS, sizeof *t->slots);
    t->answers = calloc(TURN_SLOTS, sizeof *t->answers);
    if (!t->slots || !t->answers) abort();
}

static void free_closed(struct turn *t)
{
    while (t->closed) {
        struct client *c = t->closed;
        t->closed = c->next_dirty;
        client_destroy(c);
    }
}

void turn_release(struct turn *t)
{
    while (t->clients) client_close(t->clients, "moongate ends");
    turn_end(t);
    free(t->slots);
    free(t->answers);
    *t = (struct turn){0};
}

struct request *turn_slot(struct turn *t)
{
    if (t->used == TURN_SLOTS) turn_route(t);
    return &t->slots[t->used];
}

/* --- routing ----------------------------------------------------------------------------------- */

static void refused(struct reply *reply, bool as_miss, const char *text, size_t len)
{
    if (as_miss)
        reply_miss(reply);
    else
        reply_fail(reply, text, len);
}

static void send_to(struct turn *t, struct request *r, struct pool *pool)
{
    struct reply *reply = (struct reply *)r->owner;
    bool as_miss = pool->settings.on_failure == ON_FAILURE_MISS &&
                   command_info(r->command_id)->shape == SHAPE_RETRIEVE;
    const struct pool_member *member = pool_pick(pool, (const void *)r->key_at, r->key_len);
    if (!member) {
        const char *why = pool_lacks_servers(pool);
        refused(reply, as_miss, why, strlen(why));
        return;
    }
    struct backend_call how = {.deadline = t->now + member->timeout,
                               .done = as_miss ? reply_news_or_miss : reply_news,
                               .owner = reply};
    const char *reason;
    switch (backend_send(member->backend, r, &how, &reason)) {
    case BACKEND_OK: break;
    case BACKEND_JOINED: reply_joined(reply); break;
    case BACKEND_REFUSED: refused(reply, as_miss, reason, strlen(reason)); break;
    }
}

static void act(struct turn *t, struct request *r, const struct answer *a,
                struct pool *const *pools)
{
    struct reply *reply = (struct reply *)r->owner;
    assert(a->route != ANSWER_NONE);
    if (a->route >= 0)
        send_to(t, r, pools[a->route]);
    else
        refused(reply, a->route == ANSWER_MISS, (const char *)a->text_at, a->text_len);
    /* A script that kept the request beyond its turn shall find no bytes that are gone. */
    r->key_at = r->value_at = r->shown_key_at = 0;
    r->key_len = 0;
    r->value_len = 0;
}

void turn_route(struct turn *t)
{
    uint32_t n = t->used;
    if (n == 0) return;
    struct pool *const *pools = t->route(t->router, t->slots, t->answers, n);
    for (uint32_t i = 0; i < n; i++) act(t, &t->slots[i], &t->answers[i], pools);
    t->row->keys_routed += n;
    t->used = 0;
}

void turn_make_room(struct turn *t, size_t n)
{
    if (arena_room(t->arena) >= n) return;
    turn_route(t);
    arena_reset(t->arena);
}

/* --- the end of the turn ----------------------------------------------------------------------- */

static void settle_clients(struct turn *t)
{
    while (t->dirty) {
        struct client *c = t->dirty;
        t->dirty = c->next_dirty;
        c->dirty = false;
        if (c->state != CLIENT_CLOSED) client_settle(c);
    }
}

void turn_end(struct turn *t)
{
    /* Clients that have room again go on with what had waited: once more around. */
    do {
        turn_route(t);
        backends_flush(t->backends);
        settle_clients(t);
    } while (t->used > 0);
    free_closed(t);
    arena_reset(t->arena);
}
