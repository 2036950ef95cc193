/* stream: a connected socket, plain or TLS, as clients and connections to servers use it. Embedded in its owner, which closes it.
 *
 * It owns the descriptor and, of a TLS connection, its state (net/tls.h). Reading and writing answer as read(2) and writev(2) do,
 * with errno, and never wait; net/inbuf.h and net/outq.h use them. One process, no locks. How bytes go in and out: net/io.h.
 */
#ifndef MOONGATE_NET_STREAM_H
#define MOONGATE_NET_STREAM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "net/io.h"

struct tls;

/* What brings the next byte. Written by stream_open, by stream_close, and by net/tls.c alone. */
enum stream_state {
    STREAM_CLOSED,  /* nothing: there is no descriptor */
    STREAM_PLAIN,   /* the socket */
    STREAM_SHAKING, /* a handshake that is not finished: nothing is read or written yet */
    STREAM_SECURE,  /* TLS records */
};

/* Invariant (stream_sane): fd >= 0 unless CLOSED; tls is there exactly in SHAKING and SECURE. */
struct stream {
    int fd;
    enum stream_state state;
    struct tls *tls;
};

bool stream_sane(const struct stream *s);

/* Takes over a connected socket, or one that connects. */
static inline struct stream stream_open(int fd)
{
    return (struct stream){.fd = fd, .state = fd < 0 ? STREAM_CLOSED : STREAM_PLAIN};
}
#define STREAM_NONE ((struct stream){.fd = -1})

/* Frees what TLS holds, and gives the descriptor back, which the caller closes. The stream is CLOSED then. */
int stream_release(struct stream *s);

/* Closes the descriptor, too. Nothing for a CLOSED one. */
void stream_close(struct stream *s);

/* For the functions below. */
ssize_t stream_read_secure(struct stream *s, const struct iovec *to, int n);
ssize_t stream_write_secure(struct stream *s, const struct iovec *from, int n);

/* Reads once into the n places at `to`: bytes, 0 at the end of what the peer sends, or -1 with errno (EAGAIN: nothing is there now).
 * A TLS stream may have more bytes for the next call although the socket has none: stream_holds. */
static inline ssize_t stream_readv(struct stream *s, const struct iovec *to, int n)
{
    if (__builtin_expect(s->tls != NULL, 0)) return stream_read_secure(s, to, n);
    return n == 1 ? read(s->fd, to->iov_base, to->iov_len) : readv(s->fd, to, n);
}

static inline ssize_t stream_read(struct stream *s, void *to, size_t len)
{
    struct iovec place = {to, len};
    return stream_readv(s, &place, 1);
}

/* Takes bytes of the n pieces at `from`, as many as it says. A piece of no bytes ends a TLS record. A TLS stream keeps the records of what it took until the socket takes
 * them (stream_is_drained), so what was taken need not be offered again. */
static inline ssize_t stream_writev(struct stream *s, const struct iovec *from, int n)
{
    if (__builtin_expect(s->tls != NULL, 0)) return stream_write_secure(s, from, n);
    return n == 1 ? write(s->fd, from->iov_base, from->iov_len) : writev(s->fd, from, n);
}

/* True: bytes that came may be read though the socket has no more, so that the loop would not say so. */
bool stream_holds_secure(const struct stream *s);
static inline bool stream_holds(const struct stream *s)
{
    return __builtin_expect(s->tls != NULL, 0) && stream_holds_secure(s);
}

/* Bytes of memory that what came and was not read takes: a record that is not whole, or one that was read in part (I6). */
size_t stream_held_secure(const struct stream *s);
static inline size_t stream_held(const struct stream *s)
{
    return __builtin_expect(s->tls != NULL, 0) ? stream_held_secure(s) : 0;
}

/* True: the socket has taken all that was written. */
bool stream_is_drained_secure(const struct stream *s);
static inline bool stream_is_drained(const struct stream *s)
{
    return __builtin_expect(s->tls == NULL, 1) || stream_is_drained_secure(s);
}

/* Writes what it has kept. IO_OK: all has gone, of a plain stream always. */
enum io_status stream_flush_secure(struct stream *s);
static inline enum io_status stream_flush(struct stream *s)
{
    return s->tls ? stream_flush_secure(s) : IO_OK;
}

/* Tells the other side that nothing more comes, after what was written: close_notify. Nothing on a plain stream. It may be kept: see
 * stream_is_drained. */
void stream_say_end_secure(struct stream *s);
static inline void stream_say_end(struct stream *s)
{
    if (s->tls) stream_say_end_secure(s);
}

/* What to watch the socket for, as libev's EV_READ and EV_WRITE: wants_input says whether the owner would read, has_output whether it has
 * more to write. While SHAKING both wait. */
enum { STREAM_WAITS_READ = 1, STREAM_WAITS_WRITE = 2 };
int stream_events_secure(const struct stream *s, bool wants_input, bool has_output);
static inline int stream_events(const struct stream *s, bool wants_input, bool has_output)
{
    if (__builtin_expect(s->tls != NULL, 0))
        return stream_events_secure(s, wants_input, has_output);
    return (wants_input ? STREAM_WAITS_READ : 0) | (has_output ? STREAM_WAITS_WRITE : 0);
}

/* True: nothing was read or written but by the kernel, so that another process may take over the descriptor. */
bool stream_is_fresh_secure(const struct stream *s);
static inline bool stream_is_fresh(const struct stream *s)
{
    return !s->tls || stream_is_fresh_secure(s);
}

/* Whether splice(2) may move its bytes (net/pipe.h). */
static inline bool stream_splices(const struct stream *s)
{
    return s->state == STREAM_PLAIN;
}

#endif
