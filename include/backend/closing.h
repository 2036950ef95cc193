/* closing: every way in which a connection to a server ends, and what follows from it.
 *
 * Owns nothing: works on the struct of conn. A connection that closes begins anew by itself, at once or after a while. Its calls
 * fail, unless another address is left to be tried, or it begins anew at once: then those stay that were not written yet, and gets
 * of whose answer no byte had come are written once more.
 *
 * What a client's request brings about is no illness of the server (invariant I9). A connection that was proved and ends while calls
 * are in flight is replaced at once, and only when no client had a call on each of the connections that ended so is the server
 * at fault. Where bytes came that nobody had asked for, the client that was answered last counts with those. A refusal is no fault.
 * A connection that ends with nothing in flight was idle: servers and balancers do that.
 */
#ifndef MOONGATE_BACKEND_CLOSING_H
#define MOONGATE_BACKEND_CLOSING_H

#include "backend/conn.h"

/* moongate ends it, because of something that did not happen in time. */
void conn_close(struct conn *c, const char *reason);

/* The server ended it, or the kernel did with that errno. */
void conn_closed(struct conn *c);
void conn_broken(struct conn *c, int error);

/* Bytes came that should not have (invariant I3). */
void conn_anomaly(struct conn *c, const char *what);

/* The server refused a request with a value, and may have left the value in the stream: no illness. */
void conn_refused(struct conn *c, const char *what);

/* Closes for good: outstanding calls fail with `reason`. */
void conn_release(struct conn *c, const char *reason);

/* There is nothing to connect to: calls that wait fail with conn->reason. */
void conn_give_up(struct conn *c, enum conn_state state);

/* Hangs up without a word and connects again. Nothing is in flight; calls that are held back stay. */
void conn_begin_anew(struct conn *c);

#endif
