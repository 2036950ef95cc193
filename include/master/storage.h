/* storage: the memory in which stores lie: made here or taken over from the process before, and cleared of stores that no script has.
 *
 * A part of the master, one for its life; the master owns it and frees it (storage_release). The master maps the memory before it forks, and its workers use it; the master itself takes no lock
 * in it, as a worker may be stopped while it has one: what clears it is a child, which may be killed at any moment.
 */
#ifndef MOONGATE_MASTER_STORAGE_H
#define MOONGATE_MASTER_STORAGE_H

#include <ev.h>
#include <stdbool.h>

#include "master/reload.h"
#include "worker/store_memory.h"

struct master;

struct storage {
    struct master *master;
    struct store_region *region;           /* NULL: there is no memory for stores */
    int fd;                                /* where it lies; -1: the next process cannot have it */
    struct source_store named[STORES_MAX]; /* of the script in use, or about to be used */
    int named_n;
    bool is_due;   /* there may be stores that no script has */
    pid_t child;   /* that clears; 0: none */
    double began;  /* as process_clock: when it did */
    ev_timer look; /* while it is due */
    ev_child exit_watcher;
};

/* Maps it, or takes it over from the process before, where the master has inherited it. A warning where the machine lacks memory for the
 * stores of the first script. */
void storage_init(struct storage *s, struct master *m);

/* Before workers load a script nothing may be cleared; after they have switched, stores may be left over. */
void storage_take_reload(struct storage *s, enum reload_news news);

/* Nothing is cleared any more: at the end, when another process takes over, and in each forked child. */
void storage_stop(struct storage *s);

/* In a forked child, which keeps the memory and not the file. */
void storage_leave(struct storage *s);

void storage_release(struct storage *s);

#endif
