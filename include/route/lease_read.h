/* lease_read: the beginning of a read through a lease: what is asked first, and a hit, for which no flow is needed. Owns nothing: what is
 * told lies in the turn's arena, or in a blob of the caller's. Worker only.
 */
#ifndef MOONGATE_ROUTE_LEASE_READ_H
#define MOONGATE_ROUTE_LEASE_READ_H

#include "route/direct.h"
#include "route/lease.h"

/* The children of the route: the second gets what takes part in a lease of its own. And the leg of the first question. */
enum { LEASE_CHILD, LEASE_WRITES, LEASE_CHILDREN };
enum { LEASE_FIRST };

static inline bool lease_is_mg(const struct request *r)
{
    return r->command_id == COMMAND_META_GET;
}

static inline bool lease_touches(const struct request *r)
{
    return r->command_id == COMMAND_GAT || r->command_id == COMMAND_GATS;
}

static inline bool lease_is_beyond(const struct request *r)
{
    return lease_is_mg(r) && !lease_may_read(r);
}

/* The first request for r: *to, or r where that can be sent as it is; never that if needs_all. */
const struct request *lease_first_request(struct turn *t, const struct route *route,
                                          const struct request *r, bool needs_all,
                                          struct request *to);

/* Of the request as it came: a hit that is surely no placeholder, and is not being renewed. */
bool lease_is_plain_hit(const struct request *r, const struct response *answer);

/* What r, an mg, gets for the answer to that request. The caller gives *blob, if there is one. */
void lease_tell_stripped(struct turn *t, const struct route *route, const struct request *r,
                         const struct result *result, struct lease_told *told, struct blob **blob);

/* The flow's block at first. */
void lease_init(struct flow *flow);

extern const struct direct_kind lease_direct;

#endif
