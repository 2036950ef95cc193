/* near: copies of what a route has, in a store of this machine's workers: who may find one, and when one is made.
 *
 * A copy belongs to the store (store/store.h). struct near belongs to its route. All functions are called in a worker, while a turn
 * routes or gets answers. Why a copy is never older than a write: src/route/near.c.
 */
#ifndef MOONGATE_ROUTE_NEAR_H
#define MOONGATE_ROUTE_NEAR_H

#include "route/routes.h"
#include "route/turn.h"

struct store;
struct board_near;

/* name: a number that no other route over the same store has. share: of the requests that a key must have to be copied; below 0: any
 * key is. ttl in seconds. counts: the board's, once the script is in use. */
struct near {
    struct store *store;
    uint64_t name;
    double ttl, share;
    struct board_near *counts;
};

/* What was known when a read was sent on. */
struct near_read {
    uint64_t mark; /* of the writes of its key */
    double began;  /* as turn->now */
};

/* The value of r, which the route has, may become a copy. */
bool near_may_copy(const struct request *r);

/* A copy can answer r. */
bool near_may_answer(const struct request *r);

/* g: whose route it is. Gives r's receiver the copy of its key. False: there is none that may be used, and nothing has changed. */
bool near_answer(struct turn *t, const struct generation *g, const struct near *n,
                 const struct request *r);

/* r is about to be sent on. */
struct near_read near_begin(const struct turn *t, const struct near *n, const struct request *r);

/* The result of that read: makes a copy of its value, if near_may_copy and all else allows it. */
void near_take(struct turn *t, const struct generation *g, const struct near *n,
               const struct request *r, const struct near_read *read, const struct result *result);

#endif
