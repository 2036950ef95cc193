/* closing: what a server decides when one of its connections has ended.
 *
 * Owns nothing: works on the structs of conn and of data. The connection is tried again, at once or after a while. Its calls
 * fail, unless another address is left to be tried, or it is tried at once: then calls stay that were not written yet, and gets
 * of whose answer no byte had come are written once more.
 *
 * I9: a client's request does not make a server ill. A connection that was proved and ends while calls are in flight is replaced
 * at once, and only when no client had a call on each of the connections that ended so is the server at fault. Where bytes came
 * that no call had asked for, the client that was answered last counts with those. A refusal is no fault. A connection that ends
 * with nothing in flight was idle: servers and balancers do that.
 */
#ifndef MOONGATE_BACKEND_CLOSING_H
#define MOONGATE_BACKEND_CLOSING_H

#include "backend/conn.h"

/* Closes c, whose descriptor is open, fails its calls or keeps them, and connects it again at once or later. `reason` is
 * copied. */
void closing_end(struct conn *c, enum conn_loss loss, const char *reason);

/* The server counts as down, because of its calls' deadlines: closes all its connections, and the one apart that reports it. */
void closing_end_late(struct conn *late);

#endif
