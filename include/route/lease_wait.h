/* lease_wait: the reads that wait for an item which another client is to store: those of one key, in one worker and for one route, are a
 * group, and share their looks at the server.
 *
 * A group is made by the first read that joins, and freed by the last one that leaves. It lies in a table of its route. Its first member
 * looks for all. I6: so many wait at most (most_in_flight), and a group keeps one old value.
 */
#ifndef MOONGATE_ROUTE_LEASE_WAIT_H
#define MOONGATE_ROUTE_LEASE_WAIT_H

#include "route/flow.h"
#include "route/lease.h"

struct lease_group;

/* What a flow that may wait has in its block. Invariant: group is not NULL while the flow is in that group's list (flow->next, prev). */
struct lease_waiter {
    struct lease_group *group;
    struct flow *prev;
    double deadline; /* as turn->now; 0: not before the first answer */
    uint32_t stage;  /* flow_lease.c's */
    bool waits;      /* for the set of another client, not for an answer alone: it is counted so */
    bool is_won, is_old; /* what it ends with: a win, an old value */
};

static inline struct lease_waiter *lease_waiter_of(const struct flow *flow)
{
    return flow->own;
}

/* An answer that many get: composed once for each form. Long ones are in blobs, which it owns. All zero but for item at first. */
struct lease_saying {
    struct lease_item item;
    struct response made[2];
    struct blob *blob[2]; /* by whether it has a cas */
};

/* What the flow's client gets for that item, a VALUE. */
const struct result *lease_say(struct flow *flow, struct lease_saying *saying,
                               struct lease_told *told);
void lease_unsay(struct lease_saying *saying);

/* For flow_kind.build and in_use. */
void lease_wait_build(struct route *route, const struct route_word *name);
void lease_wait_in_use(const struct route *route, struct board_tables *tables, bool is_used);

/* The board's, of a route whose script is in use, or was. */
struct board_lease *lease_tally(const struct route *route);

/* A read has got a result of that kind; and so its wait is over, if it has waited. */
void lease_count(const struct route *route, unsigned kind);
void lease_wait_ends(const struct flow *flow, unsigned kind);

enum lease_joined {
    LEASE_ASKS,  /* alone: it is to ask for all that come */
    LEASE_WAITS, /* it looks, or another one does: lease_look is called, or it is told */
    LEASE_SHED,  /* too many wait */
};

/* waits: another client is known to renew the item; else the first member is to ask. old: an old value for those that wait in vain, or NULL. */
enum lease_joined lease_join(struct flow *flow, bool waits, const struct result *old);

/* The flow, which is in no group afterwards. */
void lease_leave(struct flow *flow);

/* The first member's look has shown that all go on waiting. old: as above. */
void lease_wait_on(struct flow *flow, const struct result *old);

/* The same where the first member has won: it leaves, and the others wait on. */
void lease_leave_waiting(struct flow *flow);

/* Takes all members out of the flow's group, the flow, too. Each is linked by `next` with the one behind it; the flow itself comes first,
 * or not at all. The group is gone. */
struct flow *lease_disband(struct flow *flow);

/* The alarm of a member. */
void lease_alarm(struct flow *flow);

/* --- flow_lease.c: */

/* Looks at the item for the whole group. */
void lease_look(struct flow *flow);

/* Its time is over, and it is in no group any more. old: a saying of the old value, or NULL. */
void lease_in_vain(struct flow *flow, struct lease_saying *old);

#endif
