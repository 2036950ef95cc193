/* local: the commands that are not about a key: answered by moongate itself, or sent to all servers. */
#ifndef MOONGATE_CLIENT_LOCAL_H
#define MOONGATE_CLIENT_LOCAL_H

#include "client/client.h"

/* What `version` says: the memcached whose protocol this is. Clients choose their ways by it, and
 * libmemcached takes a version 0.x for a broken answer. */
#define LOCAL_VERSION "1.6.18"

/* Answers r (admin or local), whose words are in r->args_at. `quit` changes the client's state. */
void local_answer(struct client *c, const struct request *r);

#endif
