/* heating: counts some of the requests that clients send, by key and by client, in the worker's heat on the board (base/heat.h).
 *
 * The set of clients owns the writer, the board the heat. Worker only.
 */
#ifndef MOONGATE_CLIENT_HEATING_H
#define MOONGATE_CLIENT_HEATING_H

#include "client/client.h"

/* Begins: from now on the turn calls heating_look before it routes its slots. */
void heating_begin(struct clients *set, struct heat *heat, double now, uint64_t seed);

/* A turn_look_fn; front: the set. */
void heating_look(void *front);

#endif
