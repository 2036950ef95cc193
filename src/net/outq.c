/* A queue of segments, each a struct and its bytes in one block of the slab, or a struct and a reference into a blob.
 *
 * Which is cheaper depends on the length: a reference costs a segment and a piece of its own in writev(2), a copy costs its
 * bytes. So bytes are referenced from REFERENCED_FROM on, and a short segment that is moved from one queue to another
 * (outq_splice) is copied into the segment before it: a reply of a hundred short values is one piece for the kernel, not a
 * hundred. */
#include "net/outq.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/slab.h"

enum {
    SEGMENT = 4096,         /* bytes of a common segment, its head included */
    REFERENCED_FROM = 8192, /* bytes: a piece this long is referenced, a shorter one copied */
    MERGED_UP_TO =
        1024,   /* bytes: a spliced segment up to this long is copied into the one before */
    PIECES = 64 /* pieces for one writev, at most */
};

/* What can be checked without a walk through the segments. */
static bool outq_sane(const struct outq *q)
{
    return (q->bytes == 0) == (q->head == NULL) && (q->head == NULL) == (q->tail == NULL);
}

static void link_segment(struct outq *q, struct outq_segment *s)
{
    s->next = NULL;
    if (q->tail)
        q->tail->next = s;
    else
        q->head = s;
    q->tail = s;
}

static void segment_return(struct outq_segment *s)
{
    if (s->blob) blob_give(s->blob);
    if (s->pipe) pipe_give(s->pipe);
    slab_return(s, s->size);
}

/* The slab's block may be larger than asked for: all of it is room. */
static struct outq_segment *segment_borrow(size_t size)
{
    struct outq_segment *s = slab_borrow(size);
    s->size = size;
    s->blob = NULL;
    s->pipe = NULL;
    s->piped = 0;
    s->ends_record = false;
    s->at = s->end = s->room;
    s->limit = (uint8_t *)s + slab_room(size);
    return s;
}

/* The room at the tail's end, or in a new segment. A new one has 4 KiB, as more bytes will come in the same turn. */
uint8_t *outq_reserve(struct outq *q, size_t n)
{
    assert(n > 0);
    if (!q->tail || (size_t)(q->tail->limit - q->tail->end) < n) {
        size_t size = sizeof(struct outq_segment) + n;
        link_segment(q, segment_borrow(size < SEGMENT ? SEGMENT : size));
    }
    return q->tail->end;
}

void outq_append_alone(struct outq *q, const void *bytes, size_t n)
{
    if (n == 0) return;
    if (!q->tail) link_segment(q, segment_borrow(sizeof(struct outq_segment) + n));
    outq_append(q, bytes, n);
}

void outq_append_blob(struct outq *q, struct blob *blob, const uint8_t *bytes, size_t n)
{
    if (!blob || n < REFERENCED_FROM) {
        outq_append(q, bytes, n);
        return;
    }
    assert(bytes >= blob->bytes && bytes + n <= blob->bytes + blob->cap); /* I2: no other bytes */
    struct outq_segment *s = slab_borrow(sizeof *s);
    *s = (struct outq_segment){.blob = blob_take(blob), .size = sizeof *s};
    s->at = blob->bytes + (bytes - blob->bytes);
    s->end = s->limit = s->at + n;
    link_segment(q, s);
    q->bytes += n;
}

void outq_end_record(struct outq *q)
{
    if (!q->tail) return;
    q->tail->ends_record = true;
    q->tail->limit = q->tail->end;
}

/* Bytes that a pipe gets while the last ones are not written yet belong to the same segment. */
void outq_append_pipe(struct outq *q, struct pipe *pipe, size_t n)
{
    assert(n > 0 && pipe->bytes >= n);
    if (!q->tail || q->tail->pipe != pipe) {
        struct outq_segment *s = segment_borrow(sizeof *s);
        s->limit = s->end;
        s->pipe = pipe_take(pipe);
        link_segment(q, s);
    }
    q->tail->piped += n;
    q->bytes += n;
}

static size_t length(const struct outq_segment *s)
{
    return s->pipe ? s->piped : (size_t)(s->end - s->at);
}

/* Copies short segments and moves the others; nothing more is put into a segment that was moved. */
void outq_splice(struct outq *q, struct outq *from)
{
    assert(outq_sane(q) && outq_sane(from));
    while (from->head) {
        struct outq_segment *s = from->head;
        size_t n = length(s);
        from->head = s->next;
        if (!s->blob && !s->pipe && n <= MERGED_UP_TO) {
            outq_append(q, s->at, n);
            segment_return(s);
        } else {
            s->limit = s->end;
            link_segment(q, s);
            q->bytes += n;
        }
    }
    *from = (struct outq){0};
}

/* The kernel has taken n bytes: frees what was written. I1: these, and no others, are not written again. */
static inline __attribute__((always_inline)) void consume(struct outq *q, size_t n)
{
    q->bytes -= n;
    while (n > 0) {
        struct outq_segment *s = q->head;
        assert(s); /* no more was written than the queue held */
        size_t has = length(s);
        if (n < has && s->pipe) {
            s->piped -= n;
            return;
        }
        if (n < has) {
            s->at += n;
            return;
        }
        n -= has;
        q->head = s->next;
        if (!q->head) q->tail = NULL;
        segment_return(s);
    }
}

void outq_drop(struct outq *q, size_t n)
{
    assert(outq_sane(q) && n <= q->bytes);
    consume(q, n);
}

/* The bytes up to the first that are in a pipe, PIECES at most. A piece of no bytes ends a TLS record. They go with that one's first, where it follows: a head of a few
 * bytes is no packet of its own. */
static ssize_t write_pieces(const struct outq *q, struct stream *to, size_t *all)
{
    struct iovec pieces[PIECES];
    const struct outq_segment *s = q->head;
    int n = 0;
    for (; s && !s->pipe && n < PIECES - 1; s = s->next, n++) {
        pieces[n] = (struct iovec){s->at, (size_t)(s->end - s->at)};
        *all += pieces[n].iov_len;
        if (__builtin_expect(s->ends_record, 0)) pieces[++n] = (struct iovec){s->end, 0};
    }
    if (s && s->pipe) {
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)n};
        return sendmsg(to->fd, &message, MSG_MORE | MSG_NOSIGNAL);
    }
    return stream_writev(to, pieces, n);
}

/* A TLS stream may have kept bytes of what it took: they are to go, too. Writes until the kernel takes less than it was given: another try would only return EAGAIN. A pipe gives what it has a few pages
 * at a time, so there only EAGAIN ends it. */
enum io_status outq_write(struct outq *q, struct stream *to)
{
    assert(outq_sane(q));
    while (q->head) {
        struct outq_segment *s = q->head;
        size_t all = 0;
        bool is_piped = s->pipe;
        assert(!is_piped || stream_splices(to)); /* else it would go out as plain text */
        ssize_t went = is_piped ? pipe_drain(s->pipe, to->fd, s->piped, s->next != NULL)
                                : write_pieces(q, to, &all);
        if (went < 0) return errno == EAGAIN || errno == EINTR ? IO_AGAIN : IO_ERROR;
        consume(q, (size_t)went);
        if (!is_piped && (size_t)went < all) return IO_AGAIN;
    }
    return stream_flush(to);
}

void outq_release(struct outq *q)
{
    while (q->head) {
        struct outq_segment *s = q->head;
        q->head = s->next;
        segment_return(s);
    }
    *q = (struct outq){0};
}
