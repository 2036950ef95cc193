/* lease_guard: a request for an item that was seen, so that it does not fall upon another one: it compares the cas. Owns nothing: what is
 * made lies in the turn's arena. Worker only.
 */
#ifndef MOONGATE_ROUTE_LEASE_GUARD_H
#define MOONGATE_ROUTE_LEASE_GUARD_H

#include "route/lease.h"

/* *to becomes r, which lives as long as it does already, for the item with that cas. False: r is to be sent as it is. */
bool lease_guard(struct turn *t, const struct request *r, const struct lease_terms *terms,
                 uint64_t cas, struct request *to);

#endif
