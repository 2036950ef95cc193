/* send: a request to the server that its pool picks. Owns nothing; called in a worker, while a turn routes. */
#ifndef MOONGATE_ROUTE_SEND_H
#define MOONGATE_ROUTE_SEND_H

#include "route/turn.h"

/* Sends r, whose key is valid, to the pool's server for that key. `done` gets the events of the call; or done_or_miss, where the
 * pool's on_failure makes a miss of a failed read. A refusal is an event, too: it comes before this returns. streams: `done` takes long values while they come. */
enum backend_status send_to_pool(struct turn *t, struct pool *pool, const struct request *r,
                                 call_done_fn *done, call_done_fn *done_or_miss, void *owner,
                                 bool streams);

#endif
