/* base: what a master and its workers take of the machine while it is quiet, to be compared with later. Unlike a footprint, it is of other
 * workers then, and of the master too.
 *
 * A plain value. c is the one client that is there.
 */
#ifndef TESTS_LIB_BASE_H
#define TESTS_LIB_BASE_H

#include <stddef.h>

#include "lib/client.h"
#include "lib/moongate.h"

enum { BASE_WORKERS = 2 };

struct base {
    size_t master_descriptors, worker_descriptors; /* the latter of all workers */
    size_t master_kib, worker_kib;                 /* of the larger worker */
};

/* Waits until both workers serve, and no other client is there; until the server has one connection of each, and no call. */
void gauges_are_at_base(struct client *c);
void server_is_at_base(struct client *c, const char *address);

/* Waits until descriptors do not change any more. */
struct base base_of(struct moongate *m);

/* Waits until there are as many descriptors, and prints what there is; the memory may have grown a little. */
void base_comes_back(struct moongate *m, struct base wanted);

#endif
