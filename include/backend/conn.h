/* conn: one connection to a backend, its state and its FIFO of calls. Owned by its backend; see backend.h for the struct. */
#ifndef MOONGATE_BACKEND_CONN_H
#define MOONGATE_BACKEND_CONN_H

#include "backend/backend.h"

/* In IDLE. conn_destroy comes after conn_release. */
struct conn *conn_create(struct backend *b);
void conn_destroy(struct conn *conn);

/* Starts connecting, from IDLE. */
void conn_start(struct conn *conn);

/* Tries again at once, from WAITING: the server is back. */
void conn_wake(struct conn *conn);

/* Closes for good: outstanding calls fail with `reason`. */
void conn_release(struct conn *conn, const char *reason);

/* The backend's addresses have come or changed, and conn is not READY: it tries them at once; its calls go on waiting. */
void conn_relocate(struct conn *conn);

/* The backend's host name was not resolved: calls that wait for that fail with backend->unresolved. */
void conn_unlocated(struct conn *conn);

/* Writes what is queued. */
void conn_flush(struct conn *conn);

/* True when a call would be refused; then conn->reason says why. */
bool conn_refuses(const struct conn *conn);

/* Puts a call at the end of the FIFO; its bytes are already in conn->out. */
void conn_push(struct conn *conn, struct call *call);

/* Puts conn on the list of those that have something to write. */
void conn_mark_unsent(struct conn *conn);

#endif
