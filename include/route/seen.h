/* seen: requests that are watched, on their way through the routes: an upper floor that wants to know sets turn->seen.
 *
 * A constant table of functions; nobody frees it. Worker only. While nobody watches, turn->seen is NULL, and a request costs a look
 * at it.
 */
#ifndef MOONGATE_ROUTE_SEEN_H
#define MOONGATE_ROUTE_SEEN_H

#include "backend/pool.h"
#include "route/flow.h"

struct seen {
    /* How ends are known whose owners take the functions below. */
    result_fn *on_result;
    /* The script has decided. route NULL: it has answered itself. */
    void (*on_routed)(void *owner, uint32_t place, const struct route *route);
    /* A call is about to be sent to that server, for the request or for a part of its way. */
    void (*on_sent)(void *owner, uint32_t place, const struct pool *pool,
                    const struct board_server *server);
};

/* Notes for whom the next send_to_pool is, which follows at once: the request whose result `end` gets, or the one that waits for that result. Only while
 * turn->seen is set. */
void seen_for(struct turn *t, struct flow_end end);

/* For turn.c, which sends it next where the route is a pool, and for send.c, where seen_owner is set; only while turn->seen is set. The
 * caller of seen_sent puts t->backends->from back. */
void seen_routed(struct turn *t, const struct request *r, const struct route *route);
void seen_sent(struct turn *t, const struct pool *pool, const struct backend *b);

#endif
