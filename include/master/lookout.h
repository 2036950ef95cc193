/* lookout: what the master looks for on the board now and then: servers that are down, and requests that are slow or watched.
 *
 * A part of the master, which owns it.
 */
#ifndef MOONGATE_MASTER_LOOKOUT_H
#define MOONGATE_MASTER_LOOKOUT_H

#include "base/outages.h"
#include "master/viewers.h"

struct lookout {
    ev_timer timer;
    struct outages outages;
    struct viewers viewers;
};

/* False: out of memory. */
bool lookout_init(struct lookout *l, struct ev_loop *loop, struct board *board)
    __attribute__((warn_unused_result));

/* Stops what hangs on the loop. */
void lookout_stop(struct lookout *l);

/* Also for one that is all zero, or could not be made. */
void lookout_release(struct lookout *l);

#endif
