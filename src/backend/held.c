#include "backend/held.h"

#include <assert.h>

#include "backend/fifo.h"
#include "base/slab.h"

struct outq *held_wire(struct call *call)
{
    assert(!call->wire);
    call->wire = slab_borrow(sizeof *call->wire);
    *call->wire = (struct outq){0};
    return call->wire;
}

/* Into the stream; a get's line was left open. */
void held_write(struct conn *c, struct call *call)
{
    if (c->line_open) outq_append(&c->out, "\r\n", 2);
    c->line_open = false;
    outq_splice(&c->out, call->wire);
    if (command_info(call->command)->shape == SHAPE_RETRIEVE) outq_append(&c->out, "\r\n", 2);
    slab_return(call->wire, sizeof *call->wire);
    call->wire = NULL;
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
