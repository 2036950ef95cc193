/* send: a request to the server that its pool picks. Owns nothing. */
#ifndef MOONGATE_ROUTE_SEND_H
#define MOONGATE_ROUTE_SEND_H

#include "route/turn.h"

/* Sends r to the pool's server for its key; done hears of what comes of it, also when it is refused, then before this returns. Where
 * the pool says that a failure is a miss, done_or_miss does in its place. */
enum backend_status send_to_pool(struct turn *t, struct pool *pool, const struct request *r,
                                 call_done_fn *done, call_done_fn *done_or_miss, void *owner);

#endif
