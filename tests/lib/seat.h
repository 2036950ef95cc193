/* seat: which worker serves a client: the process that holds the other end of the connection.
 *
 * Owns nothing: clients belong to the stage. Only for clients over IPv4.
 */
#ifndef TESTS_LIB_SEAT_H
#define TESTS_LIB_SEAT_H

#include "lib/client.h"
#include <stdbool.h>
#include <sys/types.h>

/* The process pid holds the other end of the client's connection now. */
bool client_is_at(const struct client *c, pid_t pid);

/* The worker that holds the other end of a connection; waits until one does. */
struct moongate;
pid_t seat_of(struct moongate *m, int fd);

/* A client that this worker serves. The master gives each client to the worker that has the fewest, but to another one where that one is
 * slow; so it connects until the worker has got one, and closes the others. */
struct client *client_connects_at(struct moongate *m, pid_t worker);

#endif
