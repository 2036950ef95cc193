/* inbuf: what a connection has read but cannot use yet, and the reading itself. Embedded in its connection, which releases it.
 *
 * Bytes are read into the turn's arena and used there. Only the cut end of the last message is kept, in a blob that the inbuf
 * owns until the message is whole. Then the arena adopts the blob, so that whole messages live until the turn's end wherever they
 * are. A connection between two messages owns no memory. One process.
 */
#ifndef MOONGATE_NET_INBUF_H
#define MOONGATE_NET_INBUF_H

#include "base/arena.h"
#include "net/io.h"
#include "net/stream.h"

/* Invariant (inbuf_sane): a kept blob holds bytes; need is 0 or above their number. I6: it holds one message, never two. */
struct inbuf {
    struct blob *kept; /* the beginning of a message, or NULL */
    size_t need;       /* the kept message's length in all; 0: not known, its line has no end yet */
};

enum { INBUF_SPARE = 8 };

/* What one read brought. All of it lives until the arena is reset, with INBUF_SPARE bytes behind each span that may be written to. */
struct inbuf_input {
    struct span whole; /* the kept message, when it is whole now; else empty */
    struct blob *blob; /* of `whole`: take a reference to use its bytes after the turn */
    struct span rest;  /* what came behind it */
    size_t bytes;      /* read from the descriptor */
};

/* Reads once, at most `most` bytes beyond what completes the kept message. IO_ERROR: errno says why. */
enum io_status inbuf_read(struct inbuf *in, struct stream *from, struct arena *arena, size_t most,
                          struct inbuf_input *input) __attribute__((warn_unused_result));

/* How many bytes beyond what completes the kept message may be read without reading any of the next one: 0 when its length is
 * known; else the bytes up to the end of its line, as far as the kernel has them. At most `most`. For a client that moves to
 * another process. */
size_t inbuf_missing(const struct inbuf *in, const struct stream *from, size_t most);

/* Bytes of memory that the kept message takes, at most. Pages that nobody has written do not count. */
size_t inbuf_held(const struct inbuf *in);

/* Keeps what is left of input->rest: its last `len` bytes, the cut end of a message (0: nothing is left); need as in the struct.
 * Call it after each read that returned IO_OK, with the arena that was read into. */
void inbuf_keep(struct inbuf *in, struct arena *arena, const uint8_t *at, size_t len, size_t need);

/* The kept bytes (there must be some), to be used now: the arena adopts their blob. Call inbuf_keep afterwards. */
struct span inbuf_take(struct inbuf *in, struct arena *arena);

/* Frees what is kept. */
void inbuf_release(struct inbuf *in);

#endif
