/* stranger: clients that speak another protocol are counted, and logged with what to do about it.
 *
 * Looks at the first bytes of each client, until they show which protocol it is. Owns nothing; one worker.
 */
#ifndef MOONGATE_CLIENT_STRANGER_H
#define MOONGATE_CLIENT_STRANGER_H

#include "client/client.h"
#include "net/io.h"
#include <stdbool.h>

/* first: all that c has sent so far. False: c ends, and its bytes are not to be used. */
bool stranger_may_go_on(struct client *c, struct span first);

#endif
