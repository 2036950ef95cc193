/* local: the commands that are not about a key: answered by moongate itself, or sent to all servers. Owns nothing; called in a
 * worker. */
#ifndef MOONGATE_CLIENT_LOCAL_H
#define MOONGATE_CLIENT_LOCAL_H

#include "client/client.h"

/* The answer to `version` as long as no server's version is known: the memcached that moongate's own answers are modelled on.
 * (libmemcached takes a version 0.x for a broken answer.) */
#define LOCAL_VERSION "1.6.18"

/* The answer to `version`, without the word. Clients decide by it what they may use, so it is the lowest version among the
 * servers, unless an option sets it. */
const char *local_version(const struct clients *set);

/* Answers r (of SHAPE_ADMIN or SHAPE_LOCAL), whose words are in r->args_at. `quit` changes the client's state. */
void local_answer(struct client *c, const struct request *r);

#endif
