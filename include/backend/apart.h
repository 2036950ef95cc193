/* apart: connections of a backend for requests that could be refused with their value left in the stream.
 *
 * Such a request (dialect_fit says DIALECT_APART) travels where no call of anybody else is in flight: one at a time, on a
 * connection that is closed after a refusal. Up to BACKEND_APART such connections are made when they are needed, owned by the
 * backend beside its others; a client's number picks one. They count neither for its health nor among its connections.
 *
 * A client's requests reach the server in its order all the same: the first one apart waits until all that was sent before it on
 * the client's usual connection has ended, and what follows it goes the same way as long as it is there.
 */
#ifndef MOONGATE_BACKEND_APART_H
#define MOONGATE_BACKEND_APART_H

#include "backend/conn.h"

/* The connection on which that client's next call must go because one of its calls is there; else NULL. */
struct conn *apart_find(struct conn *c, uint32_t affinity);
static inline struct conn *apart_of(const struct backend *b, uint32_t affinity)
{
    struct conn *c = b->apart[affinity % BACKEND_APART];
    return c && c->head ? apart_find(c, affinity) : NULL;
}

/* The one for that client, connecting. */
struct conn *apart_get(struct backend *b, uint32_t affinity);

/* Pushes a call, whose bytes are held, to the one for its client. */
void apart_push(struct backend *b, struct call *call);

/* What its client sent before it on the usual connection has ended: nothing of that client is there. */
bool apart_may_go(const struct backend *b, const struct call *call);

/* A call has ended: those that are held back here are looked at before the turn ends. */
void apart_look(struct backend *b);
static inline void apart_poke(struct backend *b)
{
    if (b->apart_held > 0) apart_look(b);
}

/* Closes those that are idle at an address that is not the backend's any more. */
void apart_relocate(struct backend *b);

/* Calls on them. */
uint64_t apart_depth(const struct backend *b);

/* Closes all; calls fail with `reason`. The second form frees them too. */
void apart_release(struct backend *b, const char *reason);
void apart_destroy(struct backend *b, const char *reason);

#endif
