/* clients: the front of memcache's text protocol: all clients of a worker, as its loop and the turn see them.
 *
 * Owned by its worker; its clients are its own. One worker, no locks.
 */
#ifndef MOONGATE_CLIENT_CLIENTS_H
#define MOONGATE_CLIENT_CLIENTS_H

#include "client/client.h"

/* Becomes the turn's front. limits are copied, and may be changed later. */
void clients_init(struct clients *set, struct turn *t, const struct clients_limits *limits);

/* Closes all, at once, and frees them. The turn goes on without a front. */
void clients_release(struct clients *set);

/* The end of a turn of the loop, with all that the turn does then (turn_end). */
void clients_end_turn(struct clients *set);

/* The client with that number (request.affinity); NULL when it is gone. */
struct client *clients_find(const struct clients *set, uint32_t number);

#endif
