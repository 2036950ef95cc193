/* storing: what a worker does for the stores of its script beside answering from them: it removes what has expired; and where there is no
 * master, it clears stores that no script has any more (see master/storage.h).
 *
 * Part of its worker, which releases it. One worker of a service goes through the stores, for all.
 */
#ifndef MOONGATE_WORKER_STORING_H
#define MOONGATE_WORKER_STORING_H

#include <ev.h>
#include <stdbool.h>

struct worker;

struct storing {
    ev_timer crawl;
    bool serves;
    bool is_due; /* a script with stores may have ended */
};

/* Serves from now on; what tools open does none of this. */
void storing_init(struct worker *w);
void storing_release(struct worker *w);

/* The script in use is another one. */
void storing_follow(struct worker *w);

/* Now and then, without a master. */
void storing_look(struct worker *w);

#endif
