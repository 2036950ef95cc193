/* apart: connections of a backend for requests that could be refused with their value left in the stream (I10).
 *
 * Owned by the backend beside its other connections; up to BACKEND_APART are made when they are needed, and apart_destroy frees
 * them. A request for which dialect_fit returns DIALECT_APART travels there while no other call is in flight on that connection,
 * which is closed after a refusal. The client's number picks one. They count neither for the server's health nor among its
 * connections.
 *
 * A client's requests still reach the server in the client's order (I1): its first one apart waits until all that the
 * client sent before on its usual connection has ended, and what the client sends next goes apart too, as long as one of its
 * calls is there.
 */
#ifndef MOONGATE_BACKEND_APART_H
#define MOONGATE_BACKEND_APART_H

#include "backend/conn.h"

/* The connection apart that the client's next call must take, because one of its calls is there; else NULL. */
struct conn *apart_find(struct conn *c, uint32_t affinity);
static inline struct conn *apart_of(const struct backend *b, uint32_t affinity)
{
    struct conn *c = b->apart[affinity % BACKEND_APART];
    return c && c->head ? apart_find(c, affinity) : NULL;
}

/* The connection apart of that client; made, in IDLE, if there is none. */
struct conn *apart_get(struct backend *b, uint32_t affinity);

/* Adds a call, which holds its bytes, to the connection apart of its client, and connects that. */
void apart_push(struct backend *b, struct call *call);

/* True: no call of the same client is on the usual connection. */
bool apart_may_go(const struct backend *b, const struct call *call);

/* A call has ended: the connections that hold back calls try again to let them go before the turn ends. */
void apart_look(struct backend *b);
static inline void apart_poke(struct backend *b)
{
    if (b->apart_held > 0) apart_look(b);
}

/* Closes those that are idle and connected to an address that is not the backend's any more. */
void apart_relocate(struct backend *b);

/* How many calls they have. */
uint64_t apart_depth(const struct backend *b);

/* Closes all; their calls fail with `reason`. The second form frees the connections too. */
void apart_release(struct backend *b, const char *reason);
void apart_destroy(struct backend *b, const char *reason);

#endif
