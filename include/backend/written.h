/* written: notes which keys calls write, so that no copy of an older value outlives the write (see src/base/writes.c).
 *
 * Owns nothing. The call keeps its slots (call->writes), and the FIFO that ends the call ends them too.
 */
#ifndef MOONGATE_BACKEND_WRITTEN_H
#define MOONGATE_BACKEND_WRITTEN_H

#include "backend/call.h"
#include "backend/data.h"

/* The slots of r's key, and of the key under which its client knows it. */
static inline writes_pair written_pair(const struct request *r)
{
    return writes_pair_of((const void *)r->key_at, r->key_len, (const void *)r->shown_key_at,
                          r->shown_key_len);
}

/* request.fill: a mark; in the bits below it, how many plans in flight belong to the filler, and whether the mark is of writes
 * alone. */
enum { FILL_PLANS = 0x7f, FILL_SENDS = 0x80, FILL_BITS = 8 };

/* True: r may change an item, or its exptime. A copy that a policy makes (request.fill) is not a write. */
bool written_may(const struct request *r);

/* *to becomes a request by which a cache forgets the key of r: a delete, without a value, of the same mark. */
void written_forget(const struct request *r, struct request *to);

/* The call of r begins; to be called before its bytes leave. written_joined: r is a further key of a call. */
void written_note(const struct backends *set, const struct request *r, struct call *call);
static inline void written_begin(const struct backends *set, const struct request *r,
                                 struct call *call)
{
    if (r->command_id != COMMAND_GET) written_note(set, r, call);
}
void written_joined(const struct backends *set, const struct request *r, double deadline);

/* The call ends with that event; to be called before its owner runs. */
void written_note_end(const struct backends *set, const struct call *call,
                      const struct call_news *news);
static inline void written_end(const struct backends *set, const struct call *call,
                               const struct call_news *news)
{
    if (call->writes != WRITES_NONE) written_note_end(set, call, news);
}

#endif
