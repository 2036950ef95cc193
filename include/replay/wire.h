/* wire: the replay's end of a connection whose other end the worker has: bytes that wait to be written, and the beginning of a message that has
 * come in part.
 *
 * Embedded first in its owner (a guest or a link of player.c), which frees it. One process.
 */
#ifndef MOONGATE_REPLAY_WIRE_H
#define MOONGATE_REPLAY_WIRE_H

#include <stdbool.h>

#include "net/outq.h"
#include "replay/asked.h"

struct wire {
    int fd; /* -1: it has ended */
    struct wire *next_dirty;
    bool is_dirty;  /* in the list of those that have something to write */
    bool is_server; /* it is a link, else a guest */
    struct outq out;
    struct asked_bytes in; /* kept */
    size_t need;           /* bytes of the kept message; 0: not known */
};

/* Makes a pair of sockets: the wire's end, watched by the epoll set, and *other, for the worker to own. False, with errno. */
bool wire_open(struct wire *w, int epoll, int *other) __attribute__((warn_unused_result));
void wire_close(struct wire *w);

/* Writes what it can. True: all is written, or the other end has gone. */
bool wire_flush(struct wire *w);

/* Takes bytes of what has come, as many as are whole messages; returns how many. */
typedef size_t wire_take_fn(struct wire *w, const uint8_t *bytes, size_t len);

/* Reads once into `room` bytes of scratch memory, and lets `take` have that, behind what was kept. False: there was nothing. The end of the
 * connection closes w. */
bool wire_read(struct wire *w, uint8_t *scratch, size_t room, wire_take_fn *take);

#endif
