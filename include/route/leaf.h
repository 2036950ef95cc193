/* leaf: a route without children that asks no script: a pool, or a store. A request to one brings one event.
 *
 * Owns nothing. Called in a worker, while a turn routes. A pool sends the request to a server; a store (store/store.h) answers it
 * itself, at once: `done` runs before this returns, as it does where a pool refuses.
 */
#ifndef MOONGATE_ROUTE_LEAF_H
#define MOONGATE_ROUTE_LEAF_H

#include <assert.h>

#include "route/send.h"
#include "store/answer.h"

static inline bool route_is_leaf(const struct route *route)
{
    return route->kind <= ROUTE_STORE;
}

/* `done` gets CALL_ANSWERED with what the store answers to r, whose key is valid. The event's bytes live until `done` returns, or are in its
 * blob. A write counts in base/writes.h as one that a server carries out. write (may be NULL): gets the beginning of a long value first. */
void send_to_store(struct turn *t, struct store *store, const struct request *r, call_done_fn *done,
                   store_write_fn *write, void *owner);

/* The time that stores go by, in this turn. */
int64_t turn_store_time(struct turn *t);

/* Gives `done` that answer to r, as the event of a call, and gives back its blob. */
void leaf_tell(struct turn *t, const struct request *r, struct store_answer *a, call_done_fn *done,
               void *owner);

/* Sends r to that leaf, as send_to_pool says. A store streams nothing. */
static inline void send_to_leaf(struct turn *t, const struct route *leaf, const struct request *r,
                                call_done_fn *done, call_done_fn *done_or_miss, void *owner)
{
    assert(route_is_leaf(leaf));
    if (leaf->kind == ROUTE_POOL)
        (void)send_to_pool(t, leaf->pool, r, done, done_or_miss, owner, false);
    else
        send_to_store(t, leaf->store, r, done, NULL, owner);
}

#endif
