/* record_order: the order to record requests, which the master gives to every worker, and takes back.
 *
 * Owned by the admin sockets, one for their life; at most one recording at a time. It owns the end of the socket that all workers share: a
 * worker gets a copy with the order, also one that starts meanwhile. Invariant: each worker whose slot knows order `number` has been sent
 * it; the others get it when their channels have room.
 */
#ifndef MOONGATE_MASTER_RECORD_ORDER_H
#define MOONGATE_MASTER_RECORD_ORDER_H

#include <ev.h>
#include <stdbool.h>

#include "client/feed.h"
#include "master/crew.h"

/* The reader has closed its end. */
typedef void record_order_gone_fn(void *arg);

/* What of requests was recorded since it began, in all workers. */
struct record_count {
    uint64_t recorded, lost;
    double seconds;
};

struct record_order {
    struct crew *crew; /* NULL: stopped */
    record_order_gone_fn *on_gone;
    void *arg;
    uint64_t number; /* of the last order */
    int fd;          /* the workers' end; -1: nothing is recorded */
    char text[FEED_TEXT];
    struct record_count before; /* what the board said when it began; seconds: when that was */
    ev_io reader;               /* of fd: it ends when its reader does */
    ev_timer again;             /* a channel was full */
};

void record_order_init(struct record_order *o, struct crew *crew, record_order_gone_fn *on_gone,
                       void *arg);

/* Makes the socket, and tells the workers to record. Returns the reader's end, the caller's; -1: not begun, and errno says why. */
int record_order_begin(struct record_order *o, const struct feed_settings *settings);

/* Tells the workers to record nothing more, and says what was. */
struct record_count record_order_end(struct record_order *o);

/* A worker may not know the last order yet. */
void record_order_tell(struct record_order *o);

/* In a forked child, and at the end: closes the socket, and tells no worker anything from now on. */
void record_order_stop(struct record_order *o);

#endif
