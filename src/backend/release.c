#include "backend/release.h"

#include <assert.h>

#include "backend/apart.h"
#include "backend/fifo.h"
#include "backend/gate.h"
#include "backend/held.h"
#include "backend/meter.h"
#include "backend/sharers.h"
#include "backend/texts.h"
#include "backend/translate.h"
#include "backend/written.h"

/* What the server of a connection understands is known when it is READY, so only now it is decided whether a call may be written, in which
 * words, and whether it must travel apart: by the same dialect_fit that decides at once on a READY connection (send.c). */

/* Frees a call that was not sent and has left the FIFO. For `written` it is answered: it wrote nothing. */
static void drop(struct conn *c, struct call *call)
{
    struct call_news news = {.event = CALL_ANSWERED};
    written_end(c->backend->set, call, &news);
    meter_ended(c->backend->set, call);
    call_destroy(call);
    apart_poke(c->backend);
}

/* The owner may send another request, and that may make it connect again. */
static void answer_held(struct conn *c, struct call *call, const struct own_answer *answer)
{
    struct call_news news = {.event = CALL_ANSWERED, .response = &answer->response};
    if (call->sharers)
        sharers_tell_rest(call, &news);
    else
        call_tell(call, &news);
    drop(c, call);
}

/* A server that is gated gets deletes alone: what a client has sent behind a delete that is kept must not overtake it here. */
static bool is_shut_out(const struct conn *c, const struct call *call)
{
    return __builtin_expect(c->backend->is_gated, 0) && !gate_lets(call->command);
}

static void refuse_held(struct conn *c, struct call *call)
{
    struct backend *b = c->backend;
    char text[FAILURE_ROOM];
    struct call_news news = {.event = CALL_FAILED,
                             .why = FAILURE_DOWN,
                             .failure = refusal_text(b, GATE_REASON, text),
                             .is_whole = failure_is_whole(b)};
    b->set->row->call_failures++;
    b->stats->refused++;
    if (call->sharers)
        sharers_tell_rest(call, &news);
    else
        call_tell(call, &news);
    drop(c, call);
}

static enum dialect_fit fit(const struct conn *c, const struct call *call)
{
    if (call->opcode) return DIALECT_TAKES;
    bool is_large = call->value_len >= c->backend->large_value;
    return dialect_fit(&c->dialect, call_asked(call),
                       call->traits | (is_large ? DIALECT_LARGE : 0));
}

/* How a call may be sent. It goes apart also when a call of its client that came before it is there. A get that is sent a
 * second time came before anything that is apart now. */
static enum dialect_fit fit_of(const struct conn *c, const struct call *call)
{
    enum dialect_fit alone = fit(c, call);
    bool is_behind = alone == DIALECT_TAKES && !(call->marks & CALL_SENT_AGAIN) &&
                     apart_of(c->backend, call->affinity);
    return is_behind ? DIALECT_APART : alone;
}

/* True: c's server does not know the call's command, nor can it be said in other words: *answer is for its owner. */
static bool is_lacking(const struct conn *c, struct call *call, struct own_answer *answer)
{
    return fit(c, call) == DIALECT_LACKS && !translate_held(c, call, answer);
}

/* Puts a call that was taken out of the FIFO where it belongs. */
static void place(struct conn *c, struct call *call)
{
    struct own_answer answer;
    if (call->marks & CALL_EXPIRED) {
        drop(c, call);
    } else if (is_shut_out(c, call)) {
        refuse_held(c, call);
    } else if (is_lacking(c, call, &answer)) {
        answer_held(c, call, &answer);
    } else if (fit_of(c, call) == DIALECT_APART) {
        apart_push(c->backend, call);
    } else {
        held_write(c, call);
        fifo_push(c, call);
    }
}

/* A connection that takes many calls holds them back only before it is READY, so here all of its calls are held. They leave
 * the FIFO together, and each goes back to its end or elsewhere. The owner of one that the server does not know may send another
 * request, for which the connection is made again: then the rest is held back again. */
static void release_all(struct conn *c)
{
    assert(c->held == c->head);
    struct call *call = fifo_detach(c);
    while (call) {
        struct call *next = call->next;
        if (c->state == CONN_READY) {
            place(c, call);
        } else {
            c->line_open =
                false; /* of the request that the owner sent: it is not the last one any more */
            fifo_push(c, call);
        }
        call = next;
    }
}

/* What is held back again waits for the connection that was begun; where none could be, it fails as others do. */
static void hold_on(struct conn *c)
{
    if (conn_refuses(c))
        fifo_fail(c, c->reason);
    else
        conn_set_alarm(c, conn_next_alarm(c));
}

/* On a connection that takes one call at a time, the first call may go when nothing is in flight there; apart, when its client
 * has nothing on the usual connection either. */
static bool may_go(const struct conn *c)
{
    return c->held && c->held == c->head && (!c->is_apart || apart_may_go(c->backend, c->held));
}

/* Lets one call go. Those before it that expired, or that the server does not know, end here. */
static void release_one(struct conn *c)
{
    struct own_answer answer;
    while (c->state == CONN_READY && may_go(c)) {
        struct call *call = c->head;
        bool is_late = call->marks & CALL_EXPIRED, is_out = is_shut_out(c, call);
        size_t bytes = call->wire->bytes;
        bool lacks = !is_late && !is_out && is_lacking(c, call, &answer);
        c->held_bytes += call->wire->bytes - bytes; /* other words */
        if (!lacks && !is_late && !is_out) {
            fifo_unhold(c);
            held_write(c, call);
            return;
        }
        fifo_take_first(c);
        if (is_late)
            drop(c, call);
        else if (is_out)
            refuse_held(c, call);
        else
            answer_held(c, call, &answer);
    }
}

/* Lets the calls go that may be written now. If any did, the server's time to make progress begins. */
static void release(struct conn *c)
{
    assert(c->state == CONN_READY && c->held);
    if (c->is_apart || c->backend->settings.requests == REQUESTS_ONE)
        release_one(c);
    else
        release_all(c);
    if (c->state != CONN_READY) {
        hold_on(c);
        return;
    }
    if (conn_awaits(c)) c->progress = conn_now(c);
    conn_set_alarm(c, conn_next_alarm(c));
}

void release_flush(struct conn *c)
{
    if (c->held || c->state != CONN_READY) conn_end_line(c);
    if (c->held && c->state == CONN_READY) release(c);
    if (c->state == CONN_READY) conn_flush(c);
}
