/* names: a worker's resolver and discoveries, as the command line sets them up.
 *
 * Owned by the worker, from before its backends until after them.
 */
#ifndef MOONGATE_WORKER_NAMES_H
#define MOONGATE_WORKER_NAMES_H

#include "discovery/discovery.h"
#include "worker/options.h"

struct names {
    struct resolver resolver;
    struct discoveries discoveries;
    char *servers; /* --resolver as c-ares reads it, or NULL */
};

/* loop NULL: nothing is asked. */
void names_init(struct names *names, struct ev_loop *loop, const struct options *o);

/* All watches and discoveries were given back. */
void names_release(struct names *names);

#endif
