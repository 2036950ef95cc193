/* io: what reading and writing return. Owns nothing; used by every process that has connections.
 *
 * How bytes go in and out
 *
 * A connection, of a client or to a server, is a stream, an inbuf and an outq. The floors above own all three and decide when
 * to read and to write; inbuf and outq do it, never wait, and know neither the loop nor the protocol.
 *
 *   in    inbuf_read makes one read(2) into the turn's arena. The reader uses all whole messages there, then passes the cut end
 *         of the last one to inbuf_keep. So bytes are copied only when a message came in parts, and a connection between two
 *         messages owns no buffer: ten thousand idle clients cost ten thousand structs.
 *   out   outq_append and its like put bytes behind each other; outq_write hands as much as the kernel takes to one writev(2). A
 *         long value is not copied but referenced in its blob, so a value that came from a server goes out from where it was
 *         read. One that is passed on while it comes may be in a pipe: then a queue has its place, and splice(2) moves it from
 *         socket to socket.
 *
 * In which order: within a turn every ready connection is read before anything is written, so that one write carries the answers
 * to everything that a client sent, and the requests of all clients to a server. IO_AGAIN ends a reading or writing; the loop
 * calls again when the kernel says so.
 *
 * I1, I2: bytes leave in the order in which they were appended, each once. outq_write forgets exactly what the kernel took, and a
 * connection's bytes stand in no other connection's queue.
 *
 * I6: one call reads at most `most` bytes beyond the message at hand, and a kept message takes what was filled, not what its peer
 * announced. The owner bounds the number of kept bytes (inbuf_held) and of queued bytes (outq.bytes), and stops reading above the
 * bound.
 *
 * What must never happen: a read or write that waits; a span that is used after the turn's end; a queue that writes to a
 * descriptor that was closed and given out again. The last is the owner's to keep: close the descriptor and release the queue
 * together.
 *
 * Streams
 *
 * A connection's descriptor is in a stream (net/stream.h), plain or TLS, and all who read or write a connection do it through that:
 * inbuf_read and outq_write, and those who read and write a few bytes of their own. A plain stream is its descriptor. Behind a TLS one is
 * the engine (net/tls.c), and three things are different then. It may want to write in order to read, and the other way round: so what
 * a socket is watched for is derived by stream_events. It may have bytes that no socket announces any more: who wants input reads on
 * while stream_holds. And it may have taken bytes that the kernel has not (stream_is_drained): outq_write says IO_AGAIN then, too, and
 * only what is drained is closed. A descriptor alone is used where that is all there is: by splice(2), which TLS cannot do
 * (stream_splices), and to look ahead in a client that moves, which is plain.
 */
#ifndef MOONGATE_NET_IO_H
#define MOONGATE_NET_IO_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum io_status {
    IO_OK,    /* reading: some bytes came; writing: all bytes went */
    IO_AGAIN, /* the kernel has no more bytes, or no more room, for now */
    IO_END,   /* reading: the peer sends no more */
    IO_ERROR, /* errno says why; the caller closes */
};

/* What read(2) or its like returned. EINTR counts as AGAIN: the loop calls again. */
static inline enum io_status io_status_of(ssize_t n)
{
    if (n > 0) return IO_OK;
    if (n == 0) return IO_END;
    return errno == EAGAIN || errno == EINTR ? IO_AGAIN : IO_ERROR;
}

/* Bytes in memory that something else owns: each use says what, and for how long. */
struct span {
    const uint8_t *at;
    size_t len;
};

#endif
