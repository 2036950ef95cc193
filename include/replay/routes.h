/* routes: where requests go under the scripts of a replay, by explaining them: a second copy of each script, which is asked and whose requests
 * are never sent. So what a script remembers of its requests is not disturbed.
 *
 * Owned by the engine, within a worker_rehearse, whose host it uses. One process.
 */
#ifndef MOONGATE_REPLAY_ROUTES_H
#define MOONGATE_REPLAY_ROUTES_H

#include "replay/asked.h"
#include "replay/replay.h"
#include "replay/where.h"
#include "script/script.h"
#include "worker/as_client.h"

struct routes {
    struct script *scripts[REPLAY_SIDES]; /* NULL: there is none */
    struct explainer explainers[REPLAY_SIDES];
    struct where where[REPLAY_SIDES]; /* of the last key */
    bool is_told;
    struct as_client *as;
};

/* Loads the scripts. False, and the reason in error (SCRIPT_ERROR_MAX bytes). */
bool routes_open(struct routes *r, const struct replay_how *how, const struct script_host *host,
                 struct turn *turn, struct as_client *as, char *error);
void routes_close(struct routes *r);

/* Fills where[] for a key of that request. */
void routes_find(struct routes *r, const struct asked *a, uint32_t key);

#endif
