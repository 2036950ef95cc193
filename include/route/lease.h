/* lease: what both kinds of flow of a lease use (src/route/flow_lease.c, flow_lease_write.c). Owns nothing: what is told lies in the
 * turn's arena, or in a blob of the caller's. Worker only.
 */
#ifndef MOONGATE_ROUTE_LEASE_H
#define MOONGATE_ROUTE_LEASE_H

#include "protocol/lease.h"
#include "route/routes.h"
#include "route/turn.h"
#include "route/walk.h"

/* A result that moongate has made, with all that it points to. A value of the caller. */
struct lease_told {
    struct call_news news;
    struct response response;
    struct result result;
};

struct lease_terms lease_terms_of(const struct route *route);

/* The result with that response for r; blob: of its bytes, or NULL. Returns &told->result. */
const struct result *lease_tell(struct turn *t, const struct request *r, struct response response,
                                struct blob *blob, struct lease_told *told);

/* What r gets where its key is absent. */
const struct result *lease_tell_absent(struct turn *t, const struct request *r,
                                       struct lease_told *told);

/* True: the server knows no meta commands, and nothing was changed. */
bool lease_is_lacking(const struct result *result);

/* The error for that: it names the server and the option. */
struct result lease_tell_lacking(struct turn *t, const struct result *result);

/* For explain: the request for which `what` is asked, after those results of children[0]. */
void lease_walk(struct walk *w, const struct route *route, const struct request *r,
                enum lease_asks what, struct walk_way way);

#endif
