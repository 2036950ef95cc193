/* viewers: who watches requests, and the slow requests that are kept.
 *
 * A part of the master, which owns it. A viewer is a function of its caller's with a filter: it gets each event, in the order in which
 * the worker wrote it, some 20 times a second. Workers are not waited for, and nothing that they write is trusted (base/live.h).
 */
#ifndef MOONGATE_MASTER_VIEWERS_H
#define MOONGATE_MASTER_VIEWERS_H

#include <ev.h>

#include "base/board.h"
#include "base/live.h"

/* Takes an event that the filter lets through; or, with NULL, the number of events that were lost before the next one. It may remove
 * viewers, itself too. */
typedef void viewer_fn(void *arg, const struct live_event *e, uint64_t dropped);

/* Invariant: a filter is active on the board exactly for each viewer that is there. */
struct viewers {
    struct ev_loop *loop;
    struct board *board;
    ev_timer timer;              /* runs while there are viewers */
    struct live_reader *readers; /* of each part of this house; owned */
    bool is_left;                /* by viewers_stop */
    uint32_t first;              /* the part that is read first next time */
    struct {
        viewer_fn *sink; /* NULL: free */
        void *arg;
    } all[LIVE_WATCHERS];
};

/* False: out of memory. */
bool viewers_init(struct viewers *v, struct ev_loop *loop, struct board *board);

/* Stops what hangs on the loop. From now on nothing of the board is changed: in a forked child the filters are the parent's. */
void viewers_stop(struct viewers *v);
void viewers_release(struct viewers *v);

/* Lets the sink have the events that the filter, which is copied, lets through. Returns its number, for viewers_remove; -1: there are
 * LIVE_WATCHERS already. */
int viewers_add(struct viewers *v, const struct live_filter *filter, viewer_fn *sink, void *arg);
void viewers_remove(struct viewers *v, int number);

/* Reads what workers have written: to be called now and then also while there are none, because slow requests come, too. */
void viewers_look(struct viewers *v);

/* Copies the slow requests that are kept, of both houses of the board, the last one first; `to` has room for LIVE_SLOW_KEPT. Returns how
 * many. */
uint32_t viewers_slow(const struct board *board, struct live_event *to);

#endif
