#include "backend/share.h"

#include "backend/fifo.h"
#include "backend/meter.h"
#include "backend/sharers.h"
#include "backend/streamed.h"

/* When many clients want the same key at once, one question is enough: its answer is as fresh for each of them as their own would have
 * been, because no byte of the question had left when they asked.
 *
 * The order of a client's requests. A get that joins a call has the place of that call in the stream, which may be before other
 * requests of the same client. So it joins only a call that came after the client's last request to that server that was not a get
 * of one key: it never overtakes a write of its own, nor a get of several keys, nor anything with flags. Among the gets of one key of
 * a client it may: each of them is answered with what its key had at some time after it came. For one key time does not go
 * backwards, as a slot has the latest get for it, whatever the command.
 *
 * Keys that share a slot put each other out of it: the next get for such a key makes a call of its own, as it would without all
 * this. So the table needs no search, never grows, and is cleared by a number (share_end).
 *
 * A connection that holds back its calls shares none: they may wait for long, and may yet go apart or be answered here. So what is
 * shared is in the stream.
 *
 * I6: a sharer takes memory of its owner's request alone, which is bounded where the owner is. */

/* The alarm comes at the call's own deadline at the latest. */
static void see_deadline(struct conn *c, const struct call *call, double deadline)
{
    if (deadline < call->deadline && (!ev_is_active(&c->timer) || deadline < c->alarm))
        conn_set_alarm(c, deadline);
}

void share_add(struct conn *c, struct call *call, uint32_t at, const struct request *r,
               const struct backend_call *how)
{
    struct sharer_terms terms = {.done = how->done,
                                 .owner = how->owner,
                                 .deadline = how->deadline,
                                 .sent = conn_now(c),
                                 .pool = how->pool};
    assert(!call->wire && call->keys_seen == 0);
    sharers_add(call, at, r, &terms);
    call->marks &= (uint8_t)~CALL_EXPIRED;
    see_deadline(c, call, how->deadline);
    if (c->streamed) streamed_look(c);
}

bool share_join_found(struct conn *c, const struct share_slot *slot, const struct request *r,
                      const struct backend_call *how)
{
    struct call *call = slot->call;
    if (call->command != r->command_id) return false;
    if (!call_has_key(call, slot->at, (const void *)r->key_at, r->key_len)) return false;
    if (slot->number <= *share_other(c, r->affinity)) return false;
    share_add(c, call, slot->at, r, how);
    meter_shared(c->backend, how->pool);
    return true;
}
