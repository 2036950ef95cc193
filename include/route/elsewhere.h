/* elsewhere: what flows of several children do with requests that belong to one place (see protocol/place.h): a cas of another
 * place is not shown, and a win that nobody is told of is handed back. Owns nothing.
 */
#ifndef MOONGATE_ROUTE_ELSEWHERE_H
#define MOONGATE_ROUTE_ELSEWHERE_H

#include "protocol/place.h"
#include "route/flow.h"

/* Tells the end a result of another place than the one where the request belongs: with PLACE_NO_CAS for its cas. */
void elsewhere_finish(struct flow *flow, const struct result *result);

/* Whether that result took a recache win. */
static inline bool elsewhere_has_won(const struct flow *flow, const struct result *result)
{
    return flow->kept->r.command_id == COMMAND_META_GET && result->news &&
           response_has_won(&flow->kept->r, result->news->response);
}

/* Marks the item stale again at the child `place`, whose leg has ended, so that the next client wins; the flow has told its
 * end. */
void elsewhere_hand_back(struct flow *flow, uint32_t place);

/* Runs the request without N, or as it is for copies, through the child `place`; the latter begins nothing, and returns false,
 * where copies have nothing to do. */
void elsewhere_leg_without_making(struct flow *flow, uint32_t place);
bool elsewhere_leg_for_copies(struct flow *flow, uint32_t place);

#endif
