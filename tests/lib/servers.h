/* servers: the memcached servers at hand: the installed one, and those that `deps/install servers` has unpacked.
 *
 * Read from BUILD/servers/list; the stage owns the texts.
 */
#ifndef TESTS_LIB_SERVERS_H
#define TESTS_LIB_SERVERS_H

#include <stddef.h>

struct server {
    const char *suite; /* "bullseye", "installed" */
    const char *path;
};

enum { SERVERS_MAX = 8 };

/* Fills all, the installed one first; returns how many. */
size_t servers_at_hand(struct server all[SERVERS_MAX]);

#endif
