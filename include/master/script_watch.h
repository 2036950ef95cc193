/* script_watch: --watch: a reload when the script's files have changed.
 *
 * Owned by the master, one for its life. Without --watch it does nothing.
 */
#ifndef MOONGATE_MASTER_SCRIPT_WATCH_H
#define MOONGATE_MASTER_SCRIPT_WATCH_H

#include "master/reload.h"
#include "master/watch.h"

struct script_watch {
    bool is_on;
    struct reload *reload;
    struct watch_set set;
};

void script_watch_init(struct script_watch *w, struct reload *reload);

/* Stops: when the master drains, at its end, and in a forked child. */
void script_watch_stop(struct script_watch *w);

/* After script_watch_stop. */
void script_watch_release(struct script_watch *w);

#endif
