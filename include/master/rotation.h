/* rotation: the keys of TLS session tickets (net/tickets.h), made or taken over from the process before, and rotated while this process is
 * the service.
 *
 * Owned by the master, one for its life. The keys are in no file on the disk: a restart makes others, and clients then begin with a full
 * handshake. An upgrade hands them on.
 */
#ifndef MOONGATE_MASTER_ROTATION_H
#define MOONGATE_MASTER_ROTATION_H

#include <ev.h>
#include <stdbool.h>

#include "net/tickets.h"

struct rotation {
    struct ev_loop *loop;
    struct tickets *tickets; /* NULL: there are none, and no tickets */
    int fd;                  /* where they lie; -1: the next process cannot have them */
    ev_timer timer;
};

/* fd: of the process before, which is taken over; -1: there is none. */
void rotation_init(struct rotation *r, struct ev_loop *loop, int fd);

/* This process is the service from now on. */
void rotation_begin(struct rotation *r);

/* It is no longer; also in each forked child. */
void rotation_stop(struct rotation *r);

/* In a forked child, which keeps the memory and not the file. */
void rotation_leave(struct rotation *r);

void rotation_release(struct rotation *r);

#endif
