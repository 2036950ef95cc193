/* fifo: a connection's calls in the order sent, and how each of them ends.
 *
 * The calls are the connection's (conn->head, tail, depth); each is destroyed here, after its last event. Counts what it does
 * in the server's statistics. Nothing here touches the socket or the connection's state.
 */
#ifndef MOONGATE_BACKEND_FIFO_H
#define MOONGATE_BACKEND_FIFO_H

#include "backend/conn.h"

/* At the end. One that has its bytes (call->wire) is held back. */
void fifo_push(struct conn *c, struct call *call);

/* The same, for a call that begins: sees to it that the alarm goes off in time for it. Its bytes are in c->out already, or in call->wire. */
void fifo_add(struct conn *c, struct call *call);

/* The first call, which is not told anything and is the caller's then. */
struct call *fifo_take_first(struct conn *c);

/* All of them, linked in their order, likewise. */
struct call *fifo_detach(struct conn *c);

/* The first of those that are held back is held back no more: its bytes are the caller's. */
void fifo_unhold(struct conn *c);

/* The last event of the first call: it was answered. */
void fifo_answer(struct conn *c, const struct call_news *news);

/* Fails all that is outstanding, with the server's name before the reason. */
void fifo_fail(struct conn *c, const char *reason);

/* Deadlines: the owner is told, the call stays and its late response will be dropped. */
void fifo_expire(struct conn *c);

#endif
