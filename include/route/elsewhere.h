/* elsewhere: what flows of several children do with requests that belong to one place (see protocol/place.h). Owns nothing.
 *
 * I12: a client is never shown a cas of a place other than the one that will compare it, and a recache win that no client gets to
 * see is handed back to its server.
 */
#ifndef MOONGATE_ROUTE_ELSEWHERE_H
#define MOONGATE_ROUTE_ELSEWHERE_H

#include "protocol/place.h"
#include "route/flow.h"

/* flow_finish for a result that comes from a place where the request does not belong: shows PLACE_NO_CAS for its cas. */
void elsewhere_finish(struct flow *flow, const struct result *result);

/* Whether that result of the child `place` took a recache win. What hands one back takes none, whatever a server answers: else
 * there would be no end. */
static inline bool elsewhere_has_won(const struct flow *flow, uint32_t place,
                                     const struct result *result)
{
    return flow->kept->r.command_id == COMMAND_META_GET && result->news &&
           !flow->legs[place].hands_back &&
           response_has_won(&flow->kept->r, result->news->response);
}

/* Marks the item stale again at the child `place`, whose leg has ended, so that the next client wins. The flow is finished. */
void elsewhere_hand_back(struct flow *flow, uint32_t place);

/* Runs the request through the child `place`: without N, so that it makes no item there; or in its form for copies. The second
 * returns false, and begins no leg, where copies have nothing to do. */
void elsewhere_leg_without_making(struct flow *flow, uint32_t place);
bool elsewhere_leg_for_copies(struct flow *flow, uint32_t place);

#endif
