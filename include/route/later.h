/* later: flows that the script makes while it is asked about a slot: they begin when that slot's turn comes, so that a client's
 * requests reach a server in its order.
 *
 * They are in turn->later, in the order of slots, and own themselves like all flows.
 */
#ifndef MOONGATE_ROUTE_LATER_H
#define MOONGATE_ROUTE_LATER_H

#include "route/flow.h"

/* A flow with one leg, made while the script is asked about slot `slot` (or, TURN_SLOTS, goes on with something): it is begun
 * when that slot's turn comes, so that a client's requests reach a server in its order. Takes over the count of kept.
 * timeout in seconds; 0: none of its own. */
void flow_begin_later(struct turn *t, struct generation *g, const struct route *route,
                      struct kept *kept, double timeout, uint32_t slot, struct flow_end end);

/* Begins those of slots up to `slot`. */
void flows_begin(struct turn *t, uint32_t slot);

/* The leg is out from now on; when the turn comes to slot `slot`, the kind's `start` is called, which runs it with leg_run. */
void flow_leg_later(struct flow *flow, uint32_t place, uint32_t slot);

#endif
