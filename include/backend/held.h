/* held: calls whose requests moongate still has, because the connection may not write them yet.
 *
 * They are the last calls of their connection's FIFO, from conn->held on, each with its bytes in call->wire. A connection holds
 * calls back while it is not ready: what its server understands is not known before. A connection that takes one call at a time,
 * as those apart do (see apart), holds back all but the first. When it closes and begins anew at once, they stay, and with them the
 * gets that were written and of whose answer no byte had come: those are sent once more.
 */
#ifndef MOONGATE_BACKEND_HELD_H
#define MOONGATE_BACKEND_HELD_H

#include "backend/conn.h"

/* Gives a call that is to be pushed a place for its bytes; they go there in place of conn->out. */
struct outq *held_wire(struct call *call);

/* Moves the bytes of a call that is held back no more to the end of c->out. */
void held_write(struct conn *c, struct call *call);

/* Takes those out of the FIFO that survive the connection, before the others fail; and puts them back. */
struct call *held_save(struct conn *c);
void held_restore(struct conn *c, struct call *saved);

#endif
