/* kinds: the table of all kinds of routes, and how a route is built. A generation owns its routes and frees them. One worker. */
#ifndef MOONGATE_ROUTE_KINDS_H
#define MOONGATE_ROUTE_KINDS_H

#include "route/turn.h"

/* Adds a copy of `route`, with its list of children, which are routes of the same generation, its text, and what its kind makes
 * of the n words. Returns its number, 0.. */
uint32_t generation_add(struct generation *g, const struct route *route,
                        const struct route_word *words, uint32_t n);

/* Frees the routes, not their pools: the script owns those. No flow may be left. */
void generation_release(struct generation *g);

#endif
