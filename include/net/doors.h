/* doors: accepts clients: a watcher for each listener, and a rest when descriptors or memory have run out. One descriptor is kept
 * in reserve, so that a client can be refused with an answer when there is no other.
 *
 * Embedded in the master, or in the worker that is the only process; the owner releases them. The listeners belong to main. The
 * owner decides whether the doors are open, and calls doors_watch each time when that may have changed.
 */
#ifndef MOONGATE_NET_DOORS_H
#define MOONGATE_NET_DOORS_H

#include <ev.h>

#include "base/log.h"
#include "net/listener.h"

/* A client has come by that listener. fd is the owner's from here on. */
typedef void doors_take_fn(void *owner, int fd, const struct listener *l);

/* One that may not come in was closed, and logged. */
typedef void doors_denied_fn(void *owner);

/* A client was refused, as there was no descriptor for it. */
typedef void doors_refused_fn(void *owner);

/* The rest is over: the owner calls doors_watch. */
typedef void doors_rested_fn(void *owner);

struct doors_keeper {
    doors_take_fn *take;
    doors_refused_fn *refused;
    doors_rested_fn *rested;
    void *owner;
    doors_denied_fn *denied; /* NULL: everybody may */
};

struct doors {
    struct ev_loop *loop;
    const struct listeners *listeners;
    struct doors_keeper keeper;
    ev_io *watchers; /* one for each listener that serves or goes, watchers_n in all; NULL:
                        doors_init was not called, or failed */
    size_t watchers_n;
    ev_timer rest; /* runs while the doors rest */
    bool are_open; /* the watchers run; written by doors_watch alone */
    int reserve;   /* a descriptor; -1: there was none left */
    struct log_limit rest_lines, denied_lines;
};

/* Closed at first. listeners must outlive d. False: out of memory. */
bool doors_init(struct doors *d, struct ev_loop *loop, const struct listeners *listeners,
                struct doors_keeper keeper) __attribute__((warn_unused_result));

/* The only function that opens and closes the doors: they are open while clients are wanted and the doors do not rest. */
void doors_watch(struct doors *d, bool wanted);

/* The list of listeners has changed (listeners_switch). */
void doors_follow(struct doors *d);

/* All workers use the script that does not name them: clients that wait at listeners that go are accepted, then those are closed. l is the
 * list that the doors have. */
void doors_let_go(struct doors *d, struct listeners *l);

/* Closes the doors for 0.1 s, whatever is wanted; then the owner's `rested` is called. */
void doors_rest(struct doors *d);
bool doors_are_resting(const struct doors *d);

/* Accepts all clients that wait in the backlogs, whatever is wanted, since they would be reset when the listeners close. Those of a
 * listener that was passed wait for the next process. */
void doors_empty(struct doors *d);

/* Stops all watchers and closes the reserve. Also for a forked child, which must not accept. */
void doors_stop(struct doors *d);

/* Frees. A struct of zeros that was never initialised is allowed. */
void doors_release(struct doors *d);

#endif
