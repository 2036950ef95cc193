/* crowd: limits of how many clients an address and an identity have at once, over all workers: --max-conns-per-address and
 * --max-conns-per-identity.
 *
 * A client is counted in its worker's part of the board (base/presence.h) from when its address, or its identity, is known until it goes.
 * Owns nothing; one worker.
 */
#ifndef MOONGATE_CLIENT_CROWD_H
#define MOONGATE_CLIENT_CROWD_H

#include <stdbool.h>

#include "client/client.h"

/* Its address is known. has_moved: it was counted elsewhere before, so it is not refused. False: it has more than it may, and c was closed. */
bool crowd_takes_address(struct client *c, bool has_moved);

/* Its identity is known: c->who has it. False: likewise, but c is the caller's to answer and to end. */
bool crowd_takes_identity(struct client *c, bool has_moved);

/* It goes. */
void crowd_forget(struct client *c);

#endif
