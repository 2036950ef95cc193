/* opening: when the first clients are let in, and when a service that never began is given up.
 *
 * Owned by the master, one for its life. Clients that waited for a restart all connect at once, and stay connected. If they were let in
 * as soon as the first worker is ready, that worker would have all of them for good. So the opening waits for the others, a second at most.
 */
#ifndef MOONGATE_MASTER_OPENING_H
#define MOONGATE_MASTER_OPENING_H

#include "master/crew.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

/* Called once, when clients are let in. */
typedef void opening_opens(void *arg);

/* Invariant: nobody is let in, and nothing is announced, before a worker has been ready once. */
struct opening {
    const struct crew *crew;
    opening_opens *on_open;
    void *arg;
    bool is_open;           /* the first workers are ready, or as many as came in time */
    bool ever_ready;        /* some worker has been ready once */
    bool announced;         /* `ready: N workers` was logged */
    uint32_t failed_starts; /* first workers that could not load the script */
    ev_timer grace;
};

void opening_init(struct opening *o, const struct crew *crew, opening_opens *on_open, void *arg);

/* A worker is ready. */
void opening_take_ready(struct opening *o);

/* The process of s has ended with that status of wait(2). True: no worker could load the script, although the check could. That ends a
 * service that has never begun; one that has begun goes on starting workers. */
bool opening_take_end(struct opening *o, const struct slot *s, int status, bool running);

/* Stops its timer: at the end, and in each forked child. */
void opening_stop(struct opening *o);

#endif
