/* backend: a memcached server that we talk to, with its connections; and the set of all of a worker's.
 *
 * A backend is counted: each pool that names it holds a count (backend_take, backend_give). A reload finds the unchanged ones
 * in the set and keeps their connections; one that no pool names any more finishes the calls in flight and goes.
 * One worker, one loop, no locks.
 */
#ifndef MOONGATE_BACKEND_BACKEND_H
#define MOONGATE_BACKEND_BACKEND_H

#include "backend/call.h"
#include "backend/data.h"
#include "backend/send.h"

/* The defaults of all settings. */
struct backend_settings backend_settings_default(void);

void backends_init(struct backends *set, struct ev_loop *loop, struct arena *arena,
                   struct board_worker *part);

/* Closes all connections; outstanding calls fail. Nothing is connected any more. */
void backends_stop(struct backends *set);

/* Closes everything; outstanding calls fail. */
void backends_release(struct backends *set);

/* Finds or makes a backend (two pools share one when name, which says the address, and all settings are equal) and gives the caller a
 * count. It is looked up at once and connects only once backends_start is called. */
struct backend *backends_get(struct backends *set, const char *name, const struct addr_spec *spec,
                             const struct backend_settings *settings);
struct backend *backend_take(struct backend *b);
void backend_give(struct backend *b);

/* Connects every backend that is not yet, and forgets those that nobody counts and that have no calls left. */
void backends_start(struct backends *set);
void backends_sweep(struct backends *set);

/* Writes what calls have queued since the last time: one write a connection. At the end of each turn. */
void backends_flush(struct backends *set);

/* The lowest version among the servers that a pool names; NULL when none is known. */
const char *backends_lowest_version(const struct backends *set);

/* Calls without a response yet, over all backends. */
uint64_t backends_in_flight(const struct backends *set);

/* One of those may still be answered in time. */
bool backends_are_awaited(const struct backends *set);

#endif
