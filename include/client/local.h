/* local: the commands that are not about a key: answered by moongate itself, or sent to all servers. */
#ifndef MOONGATE_CLIENT_LOCAL_H
#define MOONGATE_CLIENT_LOCAL_H

#include "client/client.h"

/* What `version` says as long as no server has told its own: the memcached that moongate's own answers are modelled on.
 * libmemcached takes a version 0.x for a broken answer. */
#define LOCAL_VERSION "1.6.18"

/* What `version` says: clients choose their ways by it, so it is the lowest among the servers, unless an option says otherwise. */
const char *local_version(const struct clients *set);

/* Answers r (admin or local), whose words are in r->args_at. `quit` changes the client's state. */
void local_answer(struct client *c, const struct request *r);

#endif
