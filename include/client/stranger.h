/* stranger: a client that speaks another protocol: counted, and named in the log with what to do about it.
 *
 * Looks at the first bytes of each client, until they say what they are. Owns nothing.
 */
#ifndef MOONGATE_CLIENT_STRANGER_H
#define MOONGATE_CLIENT_STRANGER_H

#include "client/client.h"
#include "net/io.h"
#include <stdbool.h>

/* first: all that it has sent so far. False: it is being closed, and its bytes mean nothing. */
bool stranger_may_go_on(struct client *c, struct span first);

#endif
