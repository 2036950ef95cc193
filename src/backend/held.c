#include "backend/held.h"

#include <assert.h>

#include "backend/fifo.h"
#include "backend/framed.h"
#include "backend/words.h"
#include "base/slab.h"

/* A call that is held back is alone with its bytes: it may be dropped, moved to another connection or wait for a new one, and
 * nothing of it is in a stream. That is why its bytes are kept in the call and not in c->out.
 *
 * A get may be written a second time (I9: a request of another client may have ended the connection). The bytes of the first time
 * are gone with the stream, so its line is made again from the keys in the call; in which words is decided again, too.
 */

struct outq *held_wire(struct call *call)
{
    assert(!call->wire);
    call->wire = slab_borrow(sizeof *call->wire);
    *call->wire = (struct outq){0};
    return call->wire;
}

/* In which words a get goes is known only now. A connection that takes one call at a time sends each answer by itself anyway. */
static bool goes_as_mg(const struct conn *c, const struct call *call)
{
    bool takes_many = !c->is_apart && c->backend->settings.requests == REQUESTS_MANY;
    return takes_many && words_for_call(c->backend, &c->dialect, call) == WORDS_MG;
}

/* The line of a get was left open for further keys, here and in the stream. */
void held_write(struct conn *c, struct call *call)
{
    assert(call->wire && call != c->held && c->state == CONN_READY); /* I10 */
    conn_close_line(c);
    if (call->opcode) {
        framed_let_go(c, call);
    } else if (goes_as_mg(c, call)) {
        outq_release(call->wire);
        call_write_as_mg(call, &c->out);
    } else {
        outq_splice(&c->out, call->wire);
        if (command_info(call->command)->shape == SHAPE_RETRIEVE)
            outq_append(&c->out, "\r\n", 2);
        else
            conn_end_value(c);
    }
    slab_return(call->wire, sizeof *call->wire);
    call->wire = NULL;
}

/* --- a connection that ends -------------------------------------------------------------------- */

void held_again(struct call *call)
{
    assert(call_may_be_sent_again(call));
    call->marks &= (uint8_t)~CALL_HEARD;
    call->marks |= CALL_SENT_AGAIN;
    call->marks &= (uint8_t)~CALL_ASKED_MG;
    if (call->opcode)
        framed_write_again(call, held_wire(call));
    else
        call_write_again(call, held_wire(call));
}

/* What is not saved goes back into the FIFO, in its order, and fails there. */
struct call *held_save(struct conn *c)
{
    struct call *call = fifo_detach(c), *saved = NULL, **end = &saved;
    while (call) {
        struct call *next = call->next;
        call->next = NULL;
        if (!call->wire && call_may_be_sent_again(call)) held_again(call);
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
        assert(saved->wire);
        fifo_push(c, saved);
        saved = next;
    }
}
