/* binary_steps: what a frame asks of a server that one classic command cannot say takes several.
 *
 * Kept with a reply (its echo), which frees it. A step that is due waits in clients.due until the end of the turn, since it may be found
 * in the middle of routing. One worker.
 *
 *     incr, decr with an initial value    incr, then add, then incr
 *     touch                               touch: the flags of its answer are 0
 *     get and touch                       touch, then gets
 */
#ifndef MOONGATE_CLIENT_BINARY_STEPS_H
#define MOONGATE_CLIENT_BINARY_STEPS_H

#include "client/reply.h"
#include "protocol/binary.h"

enum { BINARY_STEPS_EXTRAS = 20 };

struct binary_steps {
    struct binary_steps *next; /* in clients.due */
    struct reply *reply;
    uint8_t extras[BINARY_STEPS_EXTRAS];
    uint8_t extras_len;
    uint8_t step; /* 0: as the frame says it */
    bool compares;
    uint16_t key_len;
    uint8_t key[];
};

/* The steps of a reply; NULL: it has none. Its echo is its key, if it has one. */
static inline struct binary_steps *binary_steps_of(const struct reply *reply)
{
    unsigned shape = binary_table[reply->opcode].shape;
    bool has_steps = shape == BINARY_COUNT || shape == BINARY_TOUCH;
    return has_steps ? (struct binary_steps *)(void *)reply->echo : NULL;
}

/* Keeps what further steps need. */
void binary_steps_keep(struct reply *reply, const struct binary_frame *f);

/* True: the response is not the end; a further request will be sent. */
bool binary_steps_follow(struct reply *reply, const struct response *r);

/* The number that the reply's answer has, where it is the initial one. */
bool binary_steps_made(const struct reply *reply, uint64_t *number);

/* Puts the requests that are due into slots. To be called where the turn may be routed. */
void binary_steps_go_on(struct clients *set);

#endif
