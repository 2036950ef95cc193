/* connect: a connection's way to its server: an address, a socket, and what the server says to `version` and `mn`.
 *
 * Owns nothing: works on the struct of conn. `version` proves that a server is there (setting probe) and tells which; `mn` tells
 * whether it knows meta commands. Both belong to the connection, not to the address: behind a balancer, or after a restart, the next
 * one may lead to another server. A server that ends a connection on `mn`, or does not answer it, is not asked for probe_max seconds.
 */
#ifndef MOONGATE_BACKEND_CONNECT_H
#define MOONGATE_BACKEND_CONNECT_H

#include "backend/conn.h"

/* Starts connecting, from IDLE. */
void conn_start(struct conn *c);

/* Tries again at once, from WAITING: the server is back. */
void conn_wake(struct conn *c);

/* The backend's addresses have come or changed, and c is not READY: it tries them at once; its calls go on waiting. */
void conn_relocate(struct conn *c);

/* The backend's host name was not resolved: calls that wait for that fail with backend->unresolved. */
void conn_unlocated(struct conn *c);

/* --- what the loop and the time bring */

/* Begins to connect; in RESOLVING as long as there is no address. */
void connect_begin(struct conn *c);

/* From CONNECTING: the socket is connected, or cannot be. */
void connect_go_on(struct conn *c);

/* From PROBING and LEARNING: what the server says. Calls that wait are not sent yet: behind the answer nothing may come. */
void connect_take_probe(struct conn *c, struct span span);

#endif
