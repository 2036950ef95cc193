/* outq: bytes on their way out of a descriptor, in order. Embedded in its owner, which releases it.
 *
 * A queue owns a chain of segments. Short bytes are copied into segments; long ones may be referenced in a blob, or wait in a
 * pipe; the queue then holds a reference to that. An empty queue owns no memory. One process, no locks.
 */
#ifndef MOONGATE_NET_OUTQ_H
#define MOONGATE_NET_OUTQ_H

#include <stdbool.h>
#include <string.h>

#include "base/blob.h"
#include "net/io.h"
#include "net/pipe.h"
#include "net/stream.h"

struct outq_segment {
    struct outq_segment *next;
    uint8_t *at;       /* first byte not yet written */
    uint8_t *end;      /* behind the last byte */
    uint8_t *limit;    /* behind the last byte that may be filled; == end for bytes in a blob */
    struct blob *blob; /* holds the bytes, and the segment a reference; NULL: they are in room */
    struct pipe *pipe; /* holds `piped` bytes, and the segment a reference: there are no others */
    size_t piped;
    size_t size; /* as borrowed from the slab */
    bool ends_record;
    uint8_t room[];
};

/* Invariant (outq_sane): bytes is the sum of all segments, and head is NULL exactly when it is 0. I6: the owner bounds bytes. */
struct outq {
    struct outq_segment *head;
    struct outq_segment *tail;
    size_t bytes;
};

static inline bool outq_is_empty(const struct outq *q)
{
    return q->bytes == 0;
}

/* Room for at least n bytes (> 0) in one piece, to be filled and then committed: outq_commit with the number of filled bytes,
 * 1..n. */
uint8_t *outq_reserve(struct outq *q, size_t n) __attribute__((returns_nonnull));
static inline void outq_commit(struct outq *q, size_t n)
{
    q->tail->end += n;
    q->bytes += n;
}

/* Copies n bytes. */
static inline void outq_append(struct outq *q, const void *bytes, size_t n)
{
    if (n == 0) return;
    memcpy(outq_reserve(q, n), bytes, n);
    outq_commit(q, n);
}

/* Copies n bytes. A queue that is empty takes no more memory than they need: for a queue that expects no more bytes. */
void outq_append_alone(struct outq *q, const void *bytes, size_t n);

/* Adds the n bytes at `bytes`, which are inside blob: takes a reference for a long piece, copies a short one. With blob NULL it
 * copies. */
void outq_append_blob(struct outq *q, struct blob *blob, const uint8_t *bytes, size_t n);

/* What follows goes in another TLS record than what is there: for readers that wait for the socket although they have bytes of a record
 * yet. A plain stream knows no difference. */
void outq_end_record(struct outq *q);

/* Adds the n bytes (> 0) that were put into the pipe last: takes a reference. Such a queue is written to a socket. */
void outq_append_pipe(struct outq *q, struct pipe *pipe, size_t n);

/* Moves all bytes of `from` behind those of q; from is empty afterwards. */
void outq_splice(struct outq *q, struct outq *from);

/* Drops the first n bytes, of those that are there. */
void outq_drop(struct outq *q, size_t n);

/* Writes as much as the kernel takes, and frees that. IO_OK: all went, and what a TLS stream had kept of it. IO_AGAIN: call it again when the socket is writable. IO_ERROR:
 * errno says why. */
enum io_status outq_write(struct outq *q, struct stream *to) __attribute__((warn_unused_result));

/* Frees all bytes. */ void outq_release(struct outq *q);

#endif
