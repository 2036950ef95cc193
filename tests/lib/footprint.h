/* footprint: what moongate's workers take of the machine while nobody is there, to be compared with later.
 *
 * A plain value. c is the one client that is there all the time.
 */
#ifndef TESTS_LIB_FOOTPRINT_H
#define TESTS_LIB_FOOTPRINT_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/client.h"
#include "lib/moongate.h"

enum { FOOTPRINT_WORKERS = 2 };

struct footprint {
    pid_t workers[FOOTPRINT_WORKERS];
    size_t sockets, kib; /* of all workers */
};

/* Waits until all other clients are gone. */
void clients_are_gone(struct client *c);

/* Of what is now; the play has waited until servers are as they were before. */
struct footprint footprint_of(struct moongate *m);

/* Waits until the workers have as many sockets as then: connections apart stay for a moment (src/backend/apart.c). The footprint of
 * now. */
struct footprint footprint_returns(struct moongate *m, const struct footprint *before);

/* The same workers, as many sockets, and at most so much more memory. */
void footprint_stays(const struct footprint *before, const struct footprint *after,
                     size_t more_kib);

#endif
