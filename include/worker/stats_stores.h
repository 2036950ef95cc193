/* stats_stores: what is shown of each store: `stats stores`, and the metrics of stores.
 *
 * Tables and a function; owns nothing.
 */
#ifndef MOONGATE_WORKER_STATS_STORES_H
#define MOONGATE_WORKER_STATS_STORES_H

#include "net/outq.h"
#include "script/script.h"
#include "store/counts.h"
#include "store/store.h"

/* Fields of struct store_usage: field, kind, metric, meaning. */
#define STORE_USAGE(X)                                                                             \
    X(size, gauge, "size_bytes", "bytes that the store may take")                                  \
    X(max_value, gauge, "max_value_bytes", "largest value that it takes")                          \
    X(bytes, gauge, "used_bytes", "bytes that items take")                                         \
    X(items, gauge, "items", "items, with those that have expired and are not removed yet")        \
    X(puts, counter, "puts_total", "items ever stored")                                            \
    X(evictions, counter, "evictions_total", "items removed because the store was full")           \
    X(evicted_unfetched, counter, "evicted_unfetched_total", "of these: never read")               \
    X(expired, counter, "expired_total", "items removed because their time was over")              \
    X(expired_unfetched, counter, "expired_unfetched_total", "of these: never read")               \
    X(flushed, counter, "flushed_total", "items removed because they were flushed")                \
    X(refused, counter, "refused_total", "values that were too large, or found no room")           \
    X(recoveries, counter, "recoveries_total", "times that a process died while it changed a part")

/* Appends STAT lines for all stores of the script. */
void stats_stores(const struct script *s, struct outq *out);

#endif
