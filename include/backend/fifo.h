/* fifo: a connection's calls in the order sent, and how each of them ends.
 *
 * The connection owns its calls (conn->head, tail, depth); each is destroyed here, after its last event. Statistics of the server
 * are counted here. Nothing here touches the socket or changes the connection's state.
 *
 * I1, I2: a call leaves the FIFO from its head only, when it is answered or when the connection has ended; a deadline that passes
 * takes its owner away and leaves it where it is.
 */
#ifndef MOONGATE_BACKEND_FIFO_H
#define MOONGATE_BACKEND_FIFO_H

#include "backend/conn.h"

/* Appends a call, which the connection owns from then on. One with call->wire is held back. */
void fifo_push(struct conn *c, struct call *call);

/* The same for a new call; sets the alarm where it would be too late for it. The request is in c->out already, or in
 * call->wire. */
void fifo_add(struct conn *c, struct call *call);

/* Removes the first call without an event; the caller owns it. */
struct call *fifo_take_first(struct conn *c);

/* Removes all calls without an event; the caller owns them, linked in their order. */
struct call *fifo_detach(struct conn *c);

/* The first call that is held back is so no more; the caller moves its bytes. */
void fifo_unhold(struct conn *c);

/* Ends the first call with its last event, ANSWERED, and destroys it. The owner may send other calls to c. */
void fifo_answer(struct conn *c, const struct call_news *news);

/* The clients of calls behind the first one that may write, as bits of a hash of their numbers. What is asked again of the server behind
 * those must not be asked for such a client: it would find what the client has written after it. */
struct fifo_writers {
    uint64_t bits[16];
};
void fifo_find_writers(const struct conn *c, struct fifo_writers *writers);
bool fifo_has_writer(const struct fifo_writers *writers, uint32_t client);

/* Fails and destroys all calls; owners get the server's name and the reason. */
void fifo_fail(struct conn *c, const char *reason);

/* Fails the calls whose deadline has passed. They stay without an owner, as their responses will come. */
void fifo_expire(struct conn *c);

#endif
