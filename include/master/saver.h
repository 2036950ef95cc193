/* saver: keeps the last good script on the disk (--state-dir), in a child, so that the master never waits for a disk.
 *
 * The master owns it, one for its life. It holds at most one child, and one source that waits for that child's end: a later one replaces
 * it. A script that cannot be written is a line in the log, and nothing else.
 */
#ifndef MOONGATE_MASTER_SAVER_H
#define MOONGATE_MASTER_SAVER_H

#include "master/check.h"
#include <ev.h>

struct saver {
    struct ev_loop *loop;
    const char *dir;    /* NULL: nothing is kept */
    check_leave *leave; /* in the child, lets go of what is the master's */
    void *arg;
    int next; /* the source that waits; -1: none */
    ev_child exit_watcher;
};

void saver_init(struct saver *s, struct ev_loop *loop, const char *dir, check_leave *leave,
                void *arg);

/* Keeps the source behind fd, which stays the caller's. */
void saver_save(struct saver *s, int fd);

/* Waits for no child any more: at the end, and in each forked child. One that writes ends by itself. */
void saver_stop(struct saver *s);

#endif
