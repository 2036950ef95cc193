/* backend: the memcached servers of a worker, each with its connections.
 *
 * The set owns its backends; a pool that names one holds a reference (backend_take, backend_give). A reload finds the unchanged
 * ones in the set and keeps their connections; one that no pool names any more finishes the calls in flight and is freed by
 * backends_sweep. Each worker has one set, its loop calls it, and nothing is locked.
 */
#ifndef MOONGATE_BACKEND_BACKEND_H
#define MOONGATE_BACKEND_BACKEND_H

#include "backend/call.h"
#include "backend/data.h"
#include "backend/send.h"

/* The defaults of all settings. */
struct backend_settings backend_settings_default(void);

/* loop, arena and part outlive the set. loop NULL: nothing is ever connected. */
void backends_init(struct backends *set, struct ev_loop *loop, struct arena *arena,
                   struct board_worker *part);

/* Closes all connections; outstanding calls fail. No connection starts again by itself. */
void backends_stop(struct backends *set);

/* Closes all connections and frees all backends; outstanding calls fail. */
void backends_release(struct backends *set);

/* Finds or makes a backend, and gives the caller a reference. Two pools share one when the names, which contain the address,
 * and all settings are equal. A host name is looked up at once; nothing connects before backends_start. */
struct backend *backends_get(struct backends *set, const char *name, const struct addr_spec *spec,
                             const struct backend_settings *settings);

/* One reference more, and one less. The last one frees nothing: see backends_sweep. */
struct backend *backend_take(struct backend *b);
void backend_give(struct backend *b);

/* Connects every backend that a pool names and that is not connected. */
void backends_start(struct backends *set);

/* Each connection that was started is ready, or could not be made. */
bool backends_are_tried(const struct backends *set);

/* Frees the backends that no pool names and that have no calls left. Not from a call's owner. */
void backends_sweep(struct backends *set);

/* Writes what calls have queued since the last time, with one write for each connection. Called at the end of each turn. */
void backends_flush(struct backends *set);

/* True: they stand for one server, because name or address are the same. */
bool backend_is_same(const struct backend *a, const struct backend *b);

/* True for one backend of each server that a pool names: two pools that use one server with different settings have two. Of them,
 * the first one that is not down. Servers are the same when names or addresses are equal. */
bool backend_is_first(const struct backend *b);

/* The backend of that name for which backend_is_first is true; NULL: no pool names it. */
struct backend *backends_find(const struct backends *set, const char *name);

/* The lowest version among the servers that a pool names; NULL when none is known. Valid until the loop runs again. */
const char *backends_lowest_version(const struct backends *set);

/* Calls without a response yet, over all backends. */
uint64_t backends_in_flight(const struct backends *set);

/* True: one of those may still be answered before its deadline. */
bool backends_are_awaited(const struct backends *set);

#endif
