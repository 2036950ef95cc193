/* script_watch: --watch: a reload when one of the script's files has changed.
 *
 * Owned by the master, one for its life. Without --watch it does nothing. The files are those that the check has noted in the source: the
 * script, what it requires, and what it has looked for and not found. Files of discoveries are not among them: workers read those again
 * by themselves.
 */
#ifndef MOONGATE_MASTER_SCRIPT_WATCH_H
#define MOONGATE_MASTER_SCRIPT_WATCH_H

#include "master/reload.h"
#include "master/watch.h"

struct script_watch {
    bool is_on;
    struct reload *reload;
    int tried;            /* the source that the last reload was about; -1: there is none */
    bool was_rolled_back; /* that one */
    struct watch_set set;
};

void script_watch_init(struct script_watch *w, struct reload *reload);

/* A reload has ended, as that news says: the script may have other files now. */
void script_watch_follow(struct script_watch *w, enum reload_news news);

/* Stops: when the master drains, at its end, and in a forked child. */
void script_watch_stop(struct script_watch *w);

/* After script_watch_stop. */
void script_watch_release(struct script_watch *w);

#endif
