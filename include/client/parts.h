/* parts: what a multi-key get has brought so far: a value a key, kept until all have come, then put together in the client's order.
 *
 * Owned by its reply, from reply_create until it is put together or destroyed.
 */
#ifndef MOONGATE_CLIENT_PARTS_H
#define MOONGATE_CLIENT_PARTS_H

#include "backend/call.h"
#include "net/outq.h"

struct reply;

/* The value for one key of a get: bytes in the reply's store, or behind them (`tail`) in a blob of which it holds a count. */
struct reply_part {
    const uint8_t *at;
    const uint8_t *tail;
    struct blob *blob;
    uint32_t len;
    uint32_t tail_len;
};

void parts_create(struct reply *reply, uint32_t keys);

/* The failure that was noted goes, too. */
void parts_destroy(struct reply *reply);

/* Keeps the value of a key. The second form is for the only key of its call: its response ends in END, which the part does
 * without. */
void parts_keep(struct reply *reply, const struct call_news *news);
void parts_keep_lone(struct reply *reply, const struct call_news *news);

/* Notes the line that will end the answer instead of END, if none is noted yet: word and text. */
void parts_fail(struct reply *reply, const char *word, const void *text, size_t len);

/* Appends the whole answer, counting hits and misses. How many bytes it has. */
size_t parts_append(const struct reply *reply, struct outq *to);

#endif
