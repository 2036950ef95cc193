/* retry: when a connection is tried, and at which of its server's addresses.
 *
 * Owns nothing: works on the structs of conn and of data. The side that decides calls this; the connection itself never does.
 */
#ifndef MOONGATE_BACKEND_RETRY_H
#define MOONGATE_BACKEND_RETRY_H

#include "backend/conn.h"

/* Connects to the address that c had last, or the first one; RESOLVING as long as there is none. No descriptor is open. */
void retry_now(struct conn *c);

/* After the back-off, in WAITING. */
void retry_later(struct conn *c);

/* The same address did not do: true when another one is left, which c->peer is then. */
bool retry_has_next(struct conn *c);

/* Starts connecting, from IDLE; else nothing happens. */
void retry_start(struct conn *c);

/* Hangs up without a word and connects again. Nothing is in flight; calls that are held back stay. */
void retry_anew(struct conn *c);

/* From WAITING, whose time is over. While the server is down only its first connection tries. */
void retry_due(struct conn *c);

/* No attempt could begin: calls that wait fail. */
void retry_without_socket(struct conn *c, const char *reason);

/* The backend's host name was not resolved: calls that wait for that fail with backend->unresolved. */
void retry_without_address(struct conn *c);

/* The backend's addresses have come or changed, and c is not READY: it tries them at once; its calls go on waiting. */
void retry_elsewhere(struct conn *c);

#endif
