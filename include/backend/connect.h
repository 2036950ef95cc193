/* connect: a connection's way to its server: a socket, and the answers to `version` and `mn`.
 *
 * Owns nothing: works on the struct of conn. `version` proves that a server is there (setting probe) and shows its version; `mn`
 * shows whether it knows meta commands. Both belong to the connection, not to the address: behind a balancer, or after a restart,
 * the next one may lead to another server. Which address is tried, and when, is decided above (see retry).
 */
#ifndef MOONGATE_BACKEND_CONNECT_H
#define MOONGATE_BACKEND_CONNECT_H

#include "backend/conn.h"

/* Begins to connect to that address. No descriptor is open. NO_SOCKET or LOST may come before it returns, and READY. */
void connect_begin(struct conn *c, const struct addr *addr);

/* There is no address yet: RESOLVING. */
void connect_resolve(struct conn *c);

/* --- what the loop brings */

/* From CONNECTING: the socket is connected, or cannot be. */
void connect_go_on(struct conn *c);

/* From PROBING and LEARNING: bytes that the server sent. Calls that wait are not sent yet: nothing may come behind the answer. */
void connect_take_probe(struct conn *c, struct span span);

/* --- for framed_connect.c */

/* Sends bytes and enters the state that waits for the answer. */
void connect_send(struct conn *c, const void *line, size_t len, enum conn_state state);

/* The server is known: enters READY. */
void connect_ready(struct conn *c);

#endif
