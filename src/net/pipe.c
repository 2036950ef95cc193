/* Why a pipe at all: a value of a mebibyte that is read and written costs 550 us of CPU, most of it for the two copies; through a
 * pipe the kernel passes its pages on, and it costs 240 (loopback, Linux 6.18).
 *
 * A pipe holds pages, not bytes: one that is filled from many small packets is full before it has `room` bytes. The caller finds
 * that out by AGAIN, which may mean that or an empty socket, and reads then. */
#include "net/pipe.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/slab.h"

static struct pipe *idle;
static uint32_t idle_n, all_n;

static void pipe_destroy(struct pipe *pipe)
{
    close(pipe->in);
    close(pipe->out);
    slab_return(pipe, sizeof *pipe);
    all_n--;
}

/* A user may have only so many pages in pipes (fs.pipe-user-pages-soft): then it keeps the size that it has. */
static struct pipe *pipe_create(size_t room)
{
    int ends[2];
    if (all_n >= PIPES_MOST || pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) return NULL;
    (void)fcntl(ends[1], F_SETPIPE_SZ, (int)room);
    struct pipe *pipe = slab_borrow(sizeof *pipe);
    *pipe = (struct pipe){.out = ends[0], .in = ends[1]};
    all_n++;
    return pipe;
}

struct pipe *pipe_borrow(size_t room)
{
    struct pipe *pipe = idle;
    if (pipe) {
        idle = pipe->next;
        idle_n--;
    } else {
        pipe = pipe_create(room);
    }
    if (!pipe) return NULL;
    assert(pipe->counts == 0 && pipe->bytes == 0); /* I2: none of an earlier value */
    pipe->next = NULL;
    pipe->counts = 1;
    return pipe;
}

struct pipe *pipe_take(struct pipe *pipe)
{
    assert(pipe->counts > 0);
    pipe->counts++;
    return pipe;
}

/* I2: what is left in it belongs to a client that has gone. */
void pipe_give(struct pipe *pipe)
{
    assert(pipe->counts > 0);
    if (--pipe->counts > 0) return;
    if (pipe->bytes > 0 || idle_n >= PIPES_IDLE) {
        pipe_destroy(pipe);
        return;
    }
    pipe->next = idle;
    idle = pipe;
    idle_n++;
}

enum io_status pipe_fill(struct pipe *pipe, int fd, size_t most, size_t *came)
{
    assert(most > 0);
    ssize_t n = splice(fd, NULL, pipe->in, NULL, most, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    *came = n > 0 ? (size_t)n : 0;
    pipe->bytes += *came;
    return io_status_of(n);
}

long pipe_drain(struct pipe *pipe, int fd, size_t n, int more)
{
    assert(n > 0 && n <= pipe->bytes);
    unsigned how = SPLICE_F_NONBLOCK | SPLICE_F_MOVE | (more ? SPLICE_F_MORE : 0);
    ssize_t went = splice(pipe->out, NULL, fd, NULL, n, how);
    if (went > 0) pipe->bytes -= (size_t)went;
    if (went != 0) return went;
    errno = EIO; /* the kernel has lost what was in it */
    return -1;
}
