/* connect: a connection's way to its server and back: an address, a socket, the answer to `version`; and every way to close.
 *
 * Owns nothing: works on the struct of conn. A connection that closes begins anew by itself, at once or after a while, and its
 * calls fail unless another address is left to be tried.
 */
#ifndef MOONGATE_BACKEND_CONNECT_H
#define MOONGATE_BACKEND_CONNECT_H

#include "backend/conn.h"

/* Starts connecting, from IDLE. */
void conn_start(struct conn *c);

/* Tries again at once, from WAITING: the server is back. */
void conn_wake(struct conn *c);

/* The one way to close; what happens next depends on what there was before. */
void conn_close(struct conn *c, const char *reason);
void conn_close_errno(struct conn *c, int error);

/* Closes because of bytes that should not have come (invariant I3). */
void conn_anomaly(struct conn *c, const char *what);

/* Closes for good: outstanding calls fail with `reason`. */
void conn_release(struct conn *c, const char *reason);

/* The backend's addresses have come or changed, and c is not READY: it tries them at once; its calls go on waiting. */
void conn_relocate(struct conn *c);

/* The backend's host name was not resolved: calls that wait for that fail with backend->unresolved. */
void conn_unlocated(struct conn *c);

/* --- what the loop and the time bring */

/* Begins to connect; in RESOLVING as long as there is no address. */
void connect_begin(struct conn *c);

/* From CONNECTING: the socket is connected, or cannot be. */
void connect_go_on(struct conn *c);

/* From PROBING: what the server says to `version`. Calls that wait are not sent yet: behind the answer nothing may come. */
void connect_take_probe(struct conn *c, struct span span);

#endif
