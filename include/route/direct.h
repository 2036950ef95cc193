/* direct: a policy's call to a pool, or to a store, that has no flow, for as long as none is needed.
 *
 * Made by direct_create; frees itself in direct_finish and direct_flow, one of which its kind calls once, when the call's result has
 * come. Holds a reference to its generation, and a copy of the request. One worker. See src/route/direct.c.
 */
#ifndef MOONGATE_ROUTE_DIRECT_H
#define MOONGATE_ROUTE_DIRECT_H

#include "route/flow.h"

/* What of the request its kind will still need: its key and numbers; or all of it, as it may be sent once more. */
enum direct_keeps { DIRECT_KEEPS_KEY, DIRECT_KEEPS_ALL };

/* I1: the receiver of kept.r gets one result. I2: it is that of the very request that was sent. */
struct direct {
    const struct route *route;
    struct generation *generation;
    struct turn *turn;
    uint64_t own[4];  /* for its kind; not cleared */
    writes_pair plan; /* as in struct flow */
    struct kept kept; /* the last: its bytes stand behind it. Its references mean nothing here */
};

/* What a kind of flow can do without one. */
struct direct_kind {
    /* Gives r's receiver the result at once, whatever the children are. False: nothing has changed. NULL: it never can. */
    bool (*answer)(struct turn *t, const struct generation *g, const struct route *route,
                   const struct request *r);
    /* Begins r, whose receiver gets the result, perhaps before this returns; children[0] is a leaf (route/leaf.h). False: nothing has changed, and a
     * flow is to be made. */
    bool (*begin)(struct turn *t, struct generation *g, const struct route *route,
                  const struct request *r);
    /* The result of a struct direct has come. Calls direct_finish or direct_flow; result lives during the call. NULL: the kind makes
     * none. */
    void (*done)(struct direct *d, const struct result *result);
};

struct direct *direct_create(struct turn *t, struct generation *g, const struct route *route,
                             const struct request *r, enum direct_keeps keeps);

/* Sends r, which it was created for, to that pool or store. It may be gone afterwards. */
void direct_send(struct direct *d, const struct route *leaf, const struct request *r);

/* Gives the result to the receiver, and frees it. */
void direct_finish(struct direct *d, const struct result *result);

/* Becomes a flow whose leg 0 is out, as if that had sent the call: the caller ends that leg. Only with DIRECT_KEEPS_ALL, and not while
 * moongate ends. */
struct flow *direct_flow(struct direct *d);

#endif
