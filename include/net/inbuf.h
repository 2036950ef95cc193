/* inbuf: what a connection has read but cannot use yet, and the reading itself.
 *
 * Bytes are read into the turn's arena and used there. Only the cut end of the last message is kept, in a blob that
 * this inbuf owns until the message is whole; then the arena adopts it, so that whole messages live until the turn
 * ends wherever they are. A connection between messages owns nothing.
 */
#ifndef MOONGATE_NET_INBUF_H
#define MOONGATE_NET_INBUF_H

#include "base/arena.h"
#include "net/io.h"

/* Invariant (inbuf_sane): kept => kept->len > 0, and need is 0 or above kept->len. */
struct inbuf {
    struct blob *kept;
    size_t
        need; /* how long the kept message will be in all; 0 = not known yet (its line has no end) */
};

/* What one read brought, in order: the message that was kept, if it is whole now (it is that message alone), then what
 * came after it. `blob` holds the bytes of the first, for who wants to take a count instead of a copy. */
struct inbuf_input {
    struct span whole;
    struct blob *blob;
    struct span rest;
    size_t bytes; /* read from the descriptor */
};

/* Reads once, at most `most` bytes beyond what completes the kept message. */
enum io_status inbuf_read(struct inbuf *in, int fd, struct arena *arena, size_t most,
                          struct inbuf_input *input) __attribute__((warn_unused_result));

/* How many bytes beyond what completes the kept message may be read without taking any of the next one: none when its length
 * is known, else up to the end of its line, as far as that is there to be seen. Up to `most`. */
size_t inbuf_missing(const struct inbuf *in, int fd, size_t most);

/* Bytes of memory that are filled for it, at most: pages that nobody has written cost nothing. */
size_t inbuf_held(const struct inbuf *in);

/* Says what is left after using input->rest: its last `len` bytes, the cut end of a message (0: nothing is left; need as
 * in the struct). To be called after each read that was IO_OK; `arena` is the one that was read into. */
void inbuf_keep(struct inbuf *in, struct arena *arena, const uint8_t *at, size_t len, size_t need);

/* What is kept, to be used now; the arena takes its blob. inbuf_keep is to be called afterwards. */
struct span inbuf_take(struct inbuf *in, struct arena *arena);

void inbuf_release(struct inbuf *in);

#endif
