/* receiver: what a routed request's outcome goes to: a client's reply, or a leg of a flow. A table of functions, one a kind of owner,
 * constant; the owner itself is struct request's `owner`. The route floor calls these and knows nothing else of who asked.
 *
 * Each function gets the request's owner. For one request either `result` is called once, or `news` (news_or_miss) until its last event.
 */
#ifndef MOONGATE_ROUTE_RECEIVER_H
#define MOONGATE_ROUTE_RECEIVER_H

#include <stdbool.h>

#include "protocol/request.h"
#include "route/result.h"

struct receiver {
    /* The outcome of a route that is not a plain pool. place: the request's `part`. */
    result_fn *result;
    /* Of a plain pool: the events of its call; where the pool says that a failure is a miss, the second one. */
    call_done_fn *news;
    call_done_fn *news_or_miss;
    /* The key went into the call that was made for the owner just before; no event will come for it alone. */
    void (*joined)(void *owner);
    /* Whether the outcome is still wanted. False: its client has gone. */
    bool (*awaits)(const void *owner);
};

/* Who gets the outcome of r, which is in one of the turn's slots. */
static inline const struct receiver *receiver_of(const struct request *r)
{
    return (const struct receiver *)r->receiver;
}

#endif
