/* names: a worker's resolver and discoveries, set up by the command line.
 *
 * Owned by the worker, and lives longer than its backends, which hold watches and discoveries.
 */
#ifndef MOONGATE_WORKER_NAMES_H
#define MOONGATE_WORKER_NAMES_H

#include "discovery/discovery.h"
#include "worker/options.h"

struct names {
    struct resolver resolver;
    struct discoveries discoveries;
    char *servers; /* --resolver in the form of c-ares, or NULL */
};

/* loop NULL: no name is looked up. names stays where it is. */
void names_init(struct names *names, struct ev_loop *loop, const struct options *o);

/* All watches and discoveries have been given back. */
void names_release(struct names *names);

#endif
