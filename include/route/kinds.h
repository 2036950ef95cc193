/* kinds: all kinds of routes, and how a route is built of its kind. The routes are their generation's, which frees them. */
#ifndef MOONGATE_ROUTE_KINDS_H
#define MOONGATE_ROUTE_KINDS_H

#include "route/turn.h"

/* A route of its own, numbered from 0; the children are routes of the same generation, and copied; what n words tell its kind is
 * too. Returns its number. */
uint32_t generation_add(struct generation *g, const struct route *route,
                        const struct route_word *words, uint32_t n);

/* Frees the routes; pools stay the script's. */
void generation_release(struct generation *g);

#endif
