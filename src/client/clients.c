/* The front: what the worker's loop and the turn see of clients. The turn does not know them; it has a function to settle what
 * is dirty, and this floor brings the rest of a turn's end around it: before, what all clients hold in part is bounded
 * (unfinished.c), since that may close some; after, the closed ones are freed, since nothing on the stack can point to them any
 * more. */
#include "client/clients.h"

#include <assert.h>
#include <unistd.h>

#include "client/binary_steps.h"
#include "client/entry.h"
#include "client/unfinished.h"
#include "net/labels.h"
#include "net/users.h"

/* A clients_shut_fn for sets whose clients are accepted here. */
static void shut_alone(void *about, int fd, uint64_t handover)
{
    (void)about;
    (void)handover;
    close(fd);
}

/* A turn_settle_fn. Settling a client may make it or others dirty again, so the list is read from its head until it is empty. */
static void settle(void *front)
{
    struct clients *set = front;
    if (set->due) binary_steps_go_on(set);
    while (set->dirty) {
        struct client *c = set->dirty;
        set->dirty = c->next_dirty;
        c->dirty = false;
        if (c->state != CLIENT_CLOSED) client_settle(c);
    }
}

/* A turn_identity_fn. */
static const char *identity(const void *front, const struct request *r)
{
    const struct client *c = clients_find(front, r->affinity);
    return c ? client_identity(c) : "";
}

void clients_init(struct clients *set, struct turn *t, const struct clients_limits *limits)
{
    *set = (struct clients){.turn = t,
                            .limits = *limits,
                            .shut = shut_alone,
                            .log = {.burst = 20},
                            .login_lines = {.burst = 5}};
    set->scripts_from = LISTENERS_BOUND;
    for (int i = 0; i < FOREIGN_COUNT; i++) set->foreign_lines[i].burst = 1;
    set->entry_lines.burst = set->crowd_lines.burst = 4;
    sampling_init(&set->sampling, NULL);
    sighting_init(&set->sighting, NULL, NULL);
    feed_init(&set->feed, t->loop, t->row);
    tier_init(&set->tier);
    handshakes_init(set);
    t->settle = settle;
    t->identity = identity;
    t->front = set;
    waits_init(set);
}

/* Once the turn has ended. */
static void free_closed(struct clients *set)
{
    while (set->closed) {
        struct client *c = set->closed;
        set->closed = c->next_dirty;
        client_destroy(c);
    }
}

void clients_end_turn(struct clients *set)
{
    unfinished_look(set);
    if (set->handshakes.n > 0) handshakes_go_on(set);
    sampling_look(&set->sampling, set->turn);
    turn_end(set->turn);
    set->explained = 0;
    while (dumps_are_there(&set->dumps) && dumps_look(set)) turn_end(set->turn);
    if (set->feed.state != FEED_OFF) feed_turn(&set->feed, set->turn->now);
    free_closed(set);
}

void clients_release(struct clients *set)
{
    while (set->all) client_close(set->all, "moongate ends");
    clients_end_turn(set);
    feed_release(&set->feed);
    tier_release(&set->tier);
    waits_release(set);
    handshakes_release(set);
    clients_know(set, NULL);
    assert(set->n == 0 && !set->closed && !set->dumps.first && !set->dirty && set->unfinished == 0);
    set->turn->settle = NULL;
    set->turn->look = NULL;
    set->turn->identity = NULL;
    set->turn->front = NULL;
    /* Requests that are watched, and whose clients have gone, end in turn_release; nobody sees that. */
    *set = (struct clients){
        .turn = set->turn, .sighting = {.held = set->sighting.held}, .feed = set->feed};
}

void clients_know(struct clients *set, struct users *users)
{
    users_give(set->users);
    set->users = users ? users_take(users) : NULL;
}

/* A hash table by the number's lower bits: numbers are given one after the other, so the lists are short. */
struct client *clients_find(const struct clients *set, uint32_t number)
{
    struct client *c = set->numbered[number % CLIENTS_NUMBERS];
    while (c && c->affinity != number) c = c->next_numbered;
    return c;
}
