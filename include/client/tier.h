/* tier: what all servers say of themselves in `stats` and `stats settings`, as one answer that is a second old at most.
 *
 * Embedded in the set of clients, which releases it. It keeps the last gathered answer of each kind. A client that asks for one
 * that is older makes the servers be asked again; all who ask meanwhile wait for the same answer. One worker.
 */
#ifndef MOONGATE_CLIENT_TIER_H
#define MOONGATE_CLIENT_TIER_H

#include "client/totals.h"

struct client;
struct request;
struct tier_gather;

enum { TIER_NAMES_MAX = 1024 }; /* memcached has some 150 */

enum tier_kind { TIER_STATS, TIER_SETTINGS, TIER_KINDS };

/* Invariant: `running` leads back to this row. */
struct tier_row {
    struct totals totals;
    bool is_there;
    double since; /* as turn.now: when the servers were asked for it */
    struct tier_gather *running;
};

struct tier {
    struct tier_row rows[TIER_KINDS];
};

void tier_init(struct tier *tier);

/* What runs ends without an answer. To be called when all clients have closed. */
void tier_release(struct tier *tier);

/* Answers c's `stats` or `stats settings` by its set's clients_stats_fn, in c's order, once what the servers say is fresh. */
void tier_answer(struct client *c, const struct request *r, enum tier_kind kind);

#endif
