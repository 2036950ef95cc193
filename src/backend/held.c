#include "backend/held.h"

#include <assert.h>
#include <string.h>

#include "backend/apart.h"
#include "backend/fifo.h"
#include "backend/written.h"
#include "base/slab.h"

struct outq *held_wire(struct call *call)
{
    assert(!call->wire);
    call->wire = slab_borrow(sizeof *call->wire);
    *call->wire = (struct outq){0};
    return call->wire;
}

/* --- going ------------------------------------------------------------------------------------- */

/* Into the stream; a get's line was left open. */
static void write_out(struct conn *c, struct call *call)
{
    if (c->line_open) outq_append(&c->out, "\r\n", 2);
    c->line_open = false;
    outq_splice(&c->out, call->wire);
    if (command_info(call->command)->shape == SHAPE_RETRIEVE) outq_append(&c->out, "\r\n", 2);
    slab_return(call->wire, sizeof *call->wire);
    call->wire = NULL;
}

/* A call that is in no FIFO and was not sent. */
static void drop(struct conn *c, struct call *call)
{
    struct call_news news = {.event = CALL_ANSWERED}; /* what it would have written it has not */
    written_end(c->backend->set, call, &news);
    call_destroy(call);
    apart_poke(c->backend);
}

static void answer_unknown(struct conn *c, struct call *call)
{
    struct call_news news = call_news_unknown();
    call_tell(call, &news);
    drop(c, call);
}

static enum dialect_fit fit(const struct conn *c, const struct call *call)
{
    bool is_large = call->value_len >= c->backend->large_value;
    return dialect_fit(&c->dialect, call->command, call->traits | (is_large ? DIALECT_LARGE : 0));
}

/* How it may be sent; behind a call of its client that is apart it goes the same way. What is sent once more was before that. */
static enum dialect_fit fit_of(const struct conn *c, const struct call *call)
{
    enum dialect_fit alone = fit(c, call);
    bool is_behind = alone == DIALECT_TAKES && !(call->marks & CALL_SENT_AGAIN) &&
                     apart_of(c->backend, call->affinity);
    return is_behind ? DIALECT_APART : alone;
}

/* A call that is in no FIFO: into the one where it belongs. */
static void place(struct conn *c, struct call *call)
{
    if (call->marks & CALL_EXPIRED) {
        drop(c, call);
        return;
    }
    switch (fit_of(c, call)) {
    case DIALECT_LACKS: answer_unknown(c, call); break;
    case DIALECT_APART: apart_push(c->backend, call); break;
    case DIALECT_TAKES:
        write_out(c, call);
        fifo_push(c, call);
        break;
    }
}

static void release_all(struct conn *c)
{
    struct call *call = fifo_detach(c);
    while (call) {
        struct call *next = call->next;
        place(c, call);
        call = next;
    }
}

/* Of a connection that takes one at a time: the first, when nothing is in flight and nothing is before it elsewhere. */
static bool may_go(const struct conn *c)
{
    return c->held && c->held == c->head && (!c->is_apart || apart_may_go(c->backend, c->held));
}

/* Who hears that the server lacks a command may send another one, and that may begin the connection anew. */
static void release_one(struct conn *c)
{
    while (c->state == CONN_READY && may_go(c)) {
        struct call *call = c->head;
        bool lacks = fit(c, call) == DIALECT_LACKS;
        if (!lacks && !(call->marks & CALL_EXPIRED)) {
            fifo_unhold(c);
            write_out(c, call);
            return;
        }
        fifo_take_first(c);
        if (lacks)
            answer_unknown(c, call);
        else
            drop(c, call);
    }
}

void held_release(struct conn *c)
{
    assert(c->state == CONN_READY);
    if (!c->held) return;
    if (c->is_apart || c->backend->settings.requests == REQUESTS_ONE)
        release_one(c);
    else
        release_all(c);
    if (c->state != CONN_READY) return;
    if (c->head != c->held) c->progress = conn_now(c); /* from now on the server is awaited */
    conn_set_alarm(c, conn_next_alarm(c));
}

/* --- a connection that ends -------------------------------------------------------------------- */

/* It was written and is lost: it will be written once more. */
static void hold_again(struct call *call)
{
    call->marks |= CALL_SENT_AGAIN;
    call_write_again(call, held_wire(call));
}

struct call *held_save(struct conn *c)
{
    struct call *call = fifo_detach(c), *saved = NULL, **end = &saved;
    while (call) {
        struct call *next = call->next;
        call->next = NULL;
        if (!call->wire && call_may_be_sent_again(call)) hold_again(call);
        if (call->wire) {
            *end = call;
            end = &call->next;
        } else {
            fifo_push(c, call);
        }
        call = next;
    }
    return saved;
}

void held_restore(struct conn *c, struct call *saved)
{
    while (saved) {
        struct call *next = saved->next;
        fifo_push(c, saved);
        saved = next;
    }
}
