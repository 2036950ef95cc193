/* later: flows that the script makes while it decides about a slot, and that begin when the turn comes to that slot; and flows whose
 * functions may go on.
 *
 * They wait in turn->later, in the order of slots, and are freed like all flows (see flow.h). One worker.
 *
 * I1: so the calls that a function makes for a request go out at that request's place among the client's others.
 */
#ifndef MOONGATE_ROUTE_LATER_H
#define MOONGATE_ROUTE_LATER_H

#include "route/flow.h"

/* Makes a flow with one leg, which begins when the turn comes to slot `slot` (TURN_SLOTS: behind all slots). Takes over the
 * caller's reference to kept. timeout in seconds, from now; 0: only those of the pools that it reaches. */
void flow_begin_later(struct turn *t, struct generation *g, const struct route *route,
                      struct kept *kept, double timeout, uint32_t slot, struct flow_end end);

/* Begins those of all slots up to `slot`. */
void flows_begin(struct turn *t, uint32_t slot);

/* Takes the leg now (flow_take_leg); when the turn comes to slot `slot`, the kind's `start` is called, which runs the leg with
 * leg_run. */
void flow_leg_later(struct flow *flow, uint32_t place, uint32_t slot);

/* Puts a flow on its generation's ready list, so that the script resumes it; and takes it off again. */
void flow_make_ready(struct flow *flow);
void flow_not_ready(struct flow *flow);

#endif
