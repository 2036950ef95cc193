/* io: what reading and writing return. Owns nothing; used by every process that has connections.
 *
 * How bytes go in and out
 *
 * A connection, of a client or to a server, is a descriptor, an inbuf and an outq. The floors above own all three and decide when
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
 * Today every peer is a plain socket, so a descriptor is all that reading and writing need. TLS is not there yet. Its place is
 * here: a stream, plain or TLS, in include/net/stream.h and src/net/stream*.c, which owns the descriptor and the TLS state.
 * inbuf_read, inbuf_missing and outq_write then take a stream where they take `fd` now, and IO_AGAIN gets a direction to wait
 * for, since a TLS read may have to write first. Besides these three, client.c (input that is thrown away at the end), connect.c
 * (the first lines to a server), lines.c (questions on connections of their own) and listener.c (the refusal of a client) read or
 * write a connection's descriptor; they will go through the stream, too.
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
