/* all: what the flow of ROUTE_ALL and its explanation have in common. Owns nothing. One worker, and tools. */
#ifndef MOONGATE_ROUTE_ALL_H
#define MOONGATE_ROUTE_ALL_H

#include "protocol/place.h"
#include "route/walk.h"

/* True when one child after the other gets r: a compare must not reach two servers at once, since the one where the cas belongs
 * decides; and an mg that makes or wins would do it at each. place: that of r. */
static inline bool all_is_led(const struct request *r, unsigned place)
{
    if (place & PLACE_COMPARES) return true;
    return place & (PLACE_MAKES | PLACE_WINS) && r->command_id == COMMAND_META_GET;
}

/* The `walk` of struct flow_kind. */
unsigned walk_all(struct walk *w, const struct route *route, const struct request *r,
                  struct walk_way way);

#endif
