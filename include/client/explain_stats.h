/* explain_stats: `stats explain COMMAND KEY`: an explanation as STAT lines. Owns nothing; called in a worker. */
#ifndef MOONGATE_CLIENT_EXPLAIN_STATS_H
#define MOONGATE_CLIENT_EXPLAIN_STATS_H

#include "client/client.h"
#include "route/explain.h"

/* What explains requests of that client (NULL: of none) under the script in use, in the slot behind those of the turn. */
struct explainer explainer_of(struct turn *t, const struct client *c);

/* Explains what `command` would do with one key under the script in use, for that client (NULL: for none): calls `tell`
 * for each field, those of the first place and then those of all places. Returns NULL, or the error that a client would get, as
 * explain_key. Requests that came before are routed first; so it must not be called while turn_route runs. */
const char *explain_now(struct turn *t, const struct client *c, const struct span *command,
                        const struct span *key, explain_field_fn *tell, void *to)
    __attribute__((warn_unused_result));

/* Whether explanations have had their time in this turn; and adds the time since `began` (process_clock) to it. */
bool explain_is_too_much(const struct clients *set);
void explain_took(struct clients *set, double began);
#define EXPLAIN_TOO_MUCH "too much to explain at once: send one request at a time"

/* Answers in c's order. Requests that came before are routed first. */
void explain_stats(struct client *c, const struct span *command, const struct span *key);

#endif
