/* conn: one connection to a backend, its state and its FIFO of calls. Owned by its backend; see backend.h for the struct, and
 * connect for how it comes to be ready and how it closes. */
#ifndef MOONGATE_BACKEND_CONN_H
#define MOONGATE_BACKEND_CONN_H

#include "backend/backend.h"

/* In IDLE. conn_destroy comes after conn_release. */
struct conn *conn_create(struct backend *b);
void conn_destroy(struct conn *conn);

/* Writes what is queued. */
void conn_flush(struct conn *conn);

/* True when a call would be refused; then conn->reason says why. */
bool conn_refuses(const struct conn *conn);

/* Puts a call at the end of the FIFO; its bytes are already in conn->out. */
void conn_push(struct conn *conn, struct call *call);

/* Puts conn on the list of those that have something to write. */
void conn_mark_unsent(struct conn *conn);

/* --- for connect */

bool conn_sane(const struct conn *conn);

/* The only writer of its state. */
void conn_set_state(struct conn *conn, enum conn_state state);

/* Interest, derived: called after each change of state and after each write. */
void conn_watch(struct conn *conn);

/* When something must be done though nothing happens, INFINITY: never; and sets the alarm to a time. */
double conn_next_alarm(const struct conn *conn);
void conn_set_alarm(struct conn *conn, double at);

static inline double conn_now(const struct conn *conn)
{
    return conn->backend->set->now;
}

#endif
