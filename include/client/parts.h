/* parts: the values that a multi-key get has brought so far, one for each key, kept until all have come; then they are put
 * together in the order of the client's keys.
 *
 * The reply owns its parts, from reply_create until they are put together or it is destroyed. One worker.
 */
#ifndef MOONGATE_CLIENT_PARTS_H
#define MOONGATE_CLIENT_PARTS_H

#include "backend/call.h"
#include "net/outq.h"

struct reply;

/* The value for one key of a get: bytes in the reply's store, and behind them (`tail`) bytes in a blob that it has a reference
 * to. Both are empty for a key that was not found. */
struct reply_part {
    const uint8_t *at;
    const uint8_t *tail;
    struct blob *blob;
    uint32_t len;
    uint32_t tail_len;
};

/* keys: at least 2. */
void parts_create(struct reply *reply, uint32_t keys);

/* Frees the failure that was noted, too. */
void parts_destroy(struct reply *reply);

/* Keeps the value of a key (news->key.part), once. The second form is for a call with one key, whose response ends in END: the
 * part leaves that out. */
void parts_keep(struct reply *reply, const struct call_news *news);
void parts_keep_lone(struct reply *reply, const struct call_news *news);

/* Notes the line that will end the answer instead of END: word, then text. Only the first failure is noted. */
void parts_fail(struct reply *reply, const char *word, const void *text, size_t len);

/* Appends the whole answer, and counts hits and misses. Returns how many bytes were appended. */
size_t parts_append(const struct reply *reply, struct outq *to);

#endif
