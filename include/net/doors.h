/* doors: where a process lets clients in: a watcher for each listener, and a rest when descriptors or memory ran out. One
 * descriptor is kept in reserve: with it those who come when there is none other are told so.
 *
 * Owned by the master, or by the worker that is the only process; the listeners are main's. Whether the doors are open is for the
 * owner to say, each time when that may have changed.
 */
#ifndef MOONGATE_NET_DOORS_H
#define MOONGATE_NET_DOORS_H

#include <ev.h>

#include "base/log.h"
#include "net/listener.h"

/* Takes over fd, a client that came by the listener of that number. */
typedef void doors_take_fn(void *owner, int fd, uint32_t listener);

/* One was refused: there was no descriptor for it. */
typedef void doors_refused_fn(void *owner);

/* The rest is over: the owner may open them again. */
typedef void doors_rested_fn(void *owner);

struct doors_keeper {
    doors_take_fn *take;
    doors_refused_fn *refused;
    doors_rested_fn *rested;
    void *owner;
};

struct doors {
    struct ev_loop *loop;
    const struct listeners *listeners;
    struct doors_keeper keeper;
    ev_io *watchers; /* one a listener; NULL: none was ever watched */
    ev_timer rest;
    bool are_open; /* the watchers run */
    int reserve;   /* -1: it could not be had again yet */
    struct log_limit rest_lines;
};

/* Closed at first. False: out of memory. */
bool doors_init(struct doors *d, struct ev_loop *loop, const struct listeners *listeners,
                struct doors_keeper keeper) __attribute__((warn_unused_result));

/* The only place that opens and closes them. Clients come in while they are wanted and do not rest. */
void doors_watch(struct doors *d, bool wanted);

/* Nobody is let in for a moment, whatever is wanted. */
void doors_rest(struct doors *d);
bool doors_are_resting(const struct doors *d);

/* Ends what hangs on the loop and closes the reserve; in a forked child, too. */
void doors_stop(struct doors *d);

/* Frees; all zeros, never inited, is fine. */
void doors_release(struct doors *d);

#endif
