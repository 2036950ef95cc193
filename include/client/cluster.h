/* cluster: the answer to `config get cluster`, by which clients of ElastiCache find the nodes of their cluster. Its nodes are the places
 * where moongate listens, not the servers behind it. Owns nothing; called in a worker.
 *
 * The form, which discovery/discovery_elasticache.c reads from the other side:
 *
 *   CONFIG cluster 0 <bytes>\r\n
 *   <version>\n
 *   <host>|<address>|<port> <host>|<address>|<port> ...\n
 *   \r\n
 *   END\r\n
 */
#ifndef MOONGATE_CLIENT_CLUSTER_H
#define MOONGATE_CLIENT_CLUSTER_H

#include <stdio.h>

#include "client/client.h"
#include "net/addr.h"

/* Prints a node, `host|address|port`. host: as clients name it; NULL: by its address. addr: IPv4 or IPv6. */
void cluster_print_node(FILE *to, const char *host, const struct addr *addr);

/* Answers r, a `config`. What is not `config get cluster` is an error, as it is one to memcached. */
void cluster_answer(struct client *c, const struct request *r);

#endif
