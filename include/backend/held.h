/* held: calls whose requests are not in the stream yet, because the connection may not write them.
 *
 * They are the last calls of their connection's FIFO, from conn->held on; each owns its bytes in call->wire. A connection holds
 * calls back while it is not ready, as what its server understands is not known before. A connection that takes one call at a
 * time, as those apart do, holds back all but the first. When it ends and is tried again at once, they stay, and with them the
 * gets that were written and of whose answer no byte had come: those are written a second time.
 */
#ifndef MOONGATE_BACKEND_HELD_H
#define MOONGATE_BACKEND_HELD_H

#include "backend/conn.h"

/* Makes call->wire, where the bytes of a call go that is to be held back; call_destroy or held_write frees it. */
struct outq *held_wire(struct call *call);

/* Makes the line of a get once more, for a second time and never a third (CALL_SENT_AGAIN). No byte of its answer has come. */
void held_again(struct call *call);

/* Moves the bytes of a call to the end of c->out and frees call->wire. */
void held_write(struct conn *c, struct call *call);

/* Takes the calls that survive the connection out of the FIFO, before the others fail; the caller owns the list. And puts them
 * back. */
struct call *held_save(struct conn *c);
void held_restore(struct conn *c, struct call *saved);

#endif
