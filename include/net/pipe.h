/* pipe: bytes that go from one socket to another without being copied into the process (splice).
 *
 * Counted: pipe_borrow gives the first reference, each segment of a queue that has bytes in it holds one (outq_append_pipe). The
 * last pipe_give keeps an empty pipe for the next borrower and closes any other one. One process; PIPES_MOST bounds how many there
 * are, as each takes two descriptors.
 */
#ifndef MOONGATE_NET_PIPE_H
#define MOONGATE_NET_PIPE_H

#include "net/io.h"

enum {
    PIPES_MOST = 64, /* in a process */
    PIPES_IDLE = 4   /* kept for later */
};

/* Invariant: counts > 0 unless it is kept for later; then bytes is 0. */
struct pipe {
    struct pipe *next; /* of those kept for later */
    uint32_t counts;   /* references */
    int in, out;       /* written to, read from */
    size_t bytes;      /* in it */
};

/* A pipe that takes about `room` bytes. NULL: there are PIPES_MOST, or the process has no descriptor left. */
struct pipe *pipe_borrow(size_t room);

struct pipe *pipe_take(struct pipe *pipe);
void pipe_give(struct pipe *pipe);

/* Moves at most `most` bytes from a socket into it. AGAIN: the socket has none, or the pipe is full. ERROR: also when the socket
 * cannot do it (EINVAL). */
enum io_status pipe_fill(struct pipe *pipe, int fd, size_t most, size_t *came)
    __attribute__((warn_unused_result));

/* Moves at most n of its bytes, of which it has so many, to a socket. more: others follow at once. Returns how many went, or -1
 * with errno. */
long pipe_drain(struct pipe *pipe, int fd, size_t n, int more) __attribute__((warn_unused_result));

#endif
