/* explain_stats: `stats explain COMMAND KEY`: an explanation as STAT lines. Owns nothing; called in a worker. */
#ifndef MOONGATE_CLIENT_EXPLAIN_STATS_H
#define MOONGATE_CLIENT_EXPLAIN_STATS_H

#include "client/client.h"

/* Answers in c's order. Requests that came before are routed first. */
void explain_stats(struct client *c, const struct span *command, const struct span *key);

#endif
