/* retry: when a connection is tried, and at which of its server's addresses.
 *
 * Owns nothing: works on the structs of conn and of data. It decides, so only files above it call it; the connection reports
 * instead.
 */
#ifndef MOONGATE_BACKEND_RETRY_H
#define MOONGATE_BACKEND_RETRY_H

#include "backend/conn.h"

/* Connects to c->peer if that is still one of the addresses, else to the first one; RESOLVING as long as there is none. No
 * descriptor is open. News may come before it returns. */
void retry_now(struct conn *c);

/* Sets the alarm to the end of the back-off. WAITING only. */
void retry_later(struct conn *c);

/* The attempt at c->peer failed. True: another address is left, and is c->peer now. False from READY. */
bool retry_has_next(struct conn *c);

/* Connects from IDLE; in any other state nothing happens. */
void retry_start(struct conn *c);

/* Connects one of the server's own connections for the first time: it counts from now on. IDLE only. */
void retry_begin(struct conn *c);

/* Closes the connection, without news, and connects again. Nothing is in flight; calls that are held back stay. */
void retry_connect(struct conn *c);

/* A call comes to a connection that refuses calls. Where calls try (eject = twemproxy) it is connected now, if no attempt is under way, and
 * the call may wait for that. False: it is refused, and where calls try the server is at fault. */
bool retry_for_call(struct conn *c);

/* The time of WAITING is over. While the server is down only its first connection tries. */
void retry_due(struct conn *c);

/* There was no socket for an attempt: calls that wait fail with `reason`, which is copied. */
void retry_without_socket(struct conn *c, const char *reason);

/* The backend's host name was not resolved: in RESOLVING, calls that wait fail with backend->unresolved. */
void retry_without_address(struct conn *c);

/* The backend's addresses have come or changed, and c is not READY: it tries them at once, and its calls go on waiting. */
void retry_elsewhere(struct conn *c);

#endif
