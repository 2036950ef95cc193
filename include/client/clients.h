/* clients: the front of memcache's text protocol: all clients of a worker, as its loop and the turn see them.
 *
 * The worker owns the set; the set owns its clients. One worker, no locks.
 */
#ifndef MOONGATE_CLIENT_CLIENTS_H
#define MOONGATE_CLIENT_CLIENTS_H

#include "client/client.h"

/* Makes the set the turn's front. limits are copied; set->limits may be changed later. */
void clients_init(struct clients *set, struct turn *t, const struct clients_limits *limits);

/* Whom clients must be to come in, from now on: those that are in stay in (as memcached's do at its reload). The set takes a reference of its own. NULL:
 * everybody comes in. */
void clients_know(struct clients *set, struct users *users);

/* Closes all clients at once and frees them. The turn goes on without a front. */
void clients_release(struct clients *set);

/* Ends a turn of the loop (turn_end), and frees the clients that have closed in it. To be called before the loop sleeps. */
void clients_end_turn(struct clients *set);

/* The client with that number (request.affinity); NULL when it has closed. */
struct client *clients_find(const struct clients *set, uint32_t number);

#endif
