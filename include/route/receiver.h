/* receiver: where the outcome of a routed request goes: to a client's reply, or to a leg of a flow.
 *
 * A constant table of functions, one for each kind of owner; nobody frees it. The owner itself is struct request's `owner`.
 * Worker only. The route floor calls these functions and knows nothing else about the owner.
 *
 * I1, I2: for one request either on_result is called, once, or on_news (on_news_or_miss), until the call's last event. Each
 * gets the owner of the very request that was sent.
 */
#ifndef MOONGATE_ROUTE_RECEIVER_H
#define MOONGATE_ROUTE_RECEIVER_H

#include <stdbool.h>

#include "protocol/request.h"
#include "route/result.h"
#include "store/answer.h"

struct flow_end;

struct receiver {
    /* The outcome of a route that is not a plain pool. place: the request's `part`. */
    result_fn *on_result;
    /* The events of a call to a plain pool. The second form is for pools whose failures count as misses. */
    call_done_fn *on_news;
    call_done_fn *on_news_or_miss;
    /* The key went into the call that was made just before for the same owner: it will bring no event of its own. */
    void (*on_joined)(void *owner);
    /* False: the outcome is not wanted any more, because the client has closed. */
    bool (*is_awaited)(const void *owner);
    /* on_news takes long values while they come: see backend/streamed.h. */
    bool takes_streamed;
    /* Writes the beginning of an answer of a store. It comes to on_news then, with these bytes as `gone`. NULL: nothing does. */
    store_write_fn *write;
    /* As in struct flow_end; NULL: the request is a client's own. */
    const struct flow_end *(*above)(const void *owner);
    bool (*goes_on)(const void *owner);
};

/* The receiver of r, which is in one of the turn's slots. */
static inline const struct receiver *receiver_of(const struct request *r)
{
    return (const struct receiver *)r->receiver;
}

#endif
