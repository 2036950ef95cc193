/* nutcracker: the real twemproxy, with a pool behind each of several unix sockets.
 *
 * Belongs to the stage, which ends it with the test.
 */
#ifndef TESTS_LIB_NUTCRACKER_H
#define TESTS_LIB_NUTCRACKER_H

#include <stddef.h>

struct nutcracker;

/* Starts it and waits until every pool can be reached. A pool is a text of YAML, indented by two:
 * its options and servers, but neither its name nor `listen`. */
struct nutcracker *nutcracker_start(const char *const pools[], size_t n);

/* Of the pool with that place in the list, as clients connect to it. */
const char *nutcracker_address(const struct nutcracker *n, size_t pool);

/* Where it serves its statistics. */
const char *nutcracker_stats_address(const struct nutcracker *n);

/* Its configuration, which lives as long as the test. */
const char *nutcracker_file(const struct nutcracker *n);

/* Ends it now. */
void nutcracker_kill(struct nutcracker *n);

#endif
