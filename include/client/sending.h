/* sending: what leaves for a client before the end of the turn: long answers of stores. Owns nothing; one worker.
 *
 * Else the answers to all clients of a turn would be there at once, and the processor's cache would hold none of them.
 */
#ifndef MOONGATE_CLIENT_SENDING_H
#define MOONGATE_CLIENT_SENDING_H

#include "client/client.h"
#include "store/answer.h"

enum { SENDING_EACH = 64 * 1024 }; /* bytes of output: for each so many there is a write */

/* A store_write_fn, for the receiver of replies; owner: struct reply. I1: takes bytes only of the client's first reply, and while there is
 * no output before it. */
size_t sending_write(void *owner, const struct iovec *pieces, int n);

/* Writes c's output as far as the kernel takes it. The turn's end settles c in any case. */
void sending_early(struct client *c);

/* To be called when `came` bytes were added to c's output. */
static inline void sending_look(struct client *c, size_t came)
{
    size_t has = c->out.bytes;
    if (__builtin_expect(has < SENDING_EACH, 1)) return;
    if (c->turn->is_routing && (came >= has || has / SENDING_EACH != (has - came) / SENDING_EACH))
        sending_early(c);
}

#endif
