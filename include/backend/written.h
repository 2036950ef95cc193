/* written: notes the keys that calls write, so that no copy outlives what was read before (see src/base/writes.c).
 *
 * Owns nothing; a call's pair is ended by its connection's FIFO.
 */
#ifndef MOONGATE_BACKEND_WRITTEN_H
#define MOONGATE_BACKEND_WRITTEN_H

#include "backend/call.h"
#include "backend/data.h"

/* The slots of r's key, and of the one that its client knows it by. */
static inline writes_pair written_pair(const struct request *r)
{
    return writes_pair_of((const void *)r->key_at, r->key_len, (const void *)r->shown_key_at,
                          r->shown_key_len);
}

/* request.fill: a mark, and in the bits below it how many plans are the filler's own, and whether it is a mark of writes alone. */
enum { FILL_PLANS = 0x7f, FILL_SENDS = 0x80, FILL_BITS = 8 };

/* r may change an item, its exptime too. Copies are no writes. */
bool written_may(const struct request *r);

/* The call of r begins, before its bytes leave; and r is a further key of a call. */
void written_note(const struct backends *set, const struct request *r, struct call *call);
static inline void written_begin(const struct backends *set, const struct request *r,
                                 struct call *call)
{
    if (r->command_id != COMMAND_GET) written_note(set, r, call);
}
void written_joined(const struct backends *set, const struct request *r, double deadline);

/* The call ends with that. */
void written_note_end(const struct backends *set, const struct call *call,
                      const struct call_news *news);
static inline void written_end(const struct backends *set, const struct call *call,
                               const struct call_news *news)
{
    if (call->writes != WRITES_NONE) written_note_end(set, call, news);
}

#endif
