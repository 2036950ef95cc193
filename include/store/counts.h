/* counts: what a store counts of the requests that it answers, by the names of memcached's `stats`. Constants; they own nothing.
 *
 * The numbers lie in the store's shards, so they are those of all workers, and outlive each of them. They are raised while the shard is
 * locked, and are not taken back when the process that raised them dies in the middle of its change.
 */
#ifndef MOONGATE_STORE_COUNTS_H
#define MOONGATE_STORE_COUNTS_H

/* name as in memcached's `stats`, meaning. Of a get of several keys each counts. */
#define STORE_COUNTS(X)                                                                            \
    X(cmd_get, "keys that were asked for by get, gets, gat, gats and mg")                          \
    X(cmd_set, "values that were to be stored")                                                    \
    X(cmd_touch, "keys of touch, gat and gats")                                                    \
    X(cmd_meta, "meta commands")                                                                   \
    X(get_hits, "keys of cmd_get that were found")                                                 \
    X(get_misses, "keys of cmd_get that were not found")                                           \
    X(get_expired, "keys of get_misses whose item had expired")                                    \
    X(get_flushed, "keys of get_misses whose item had been flushed")                               \
    X(delete_misses, "deletes that found nothing")                                                 \
    X(delete_hits, "deletes that removed an item, or made it stale")                               \
    X(incr_misses, "incr that found nothing")                                                      \
    X(incr_hits, "incr that counted")                                                              \
    X(decr_misses, "decr that found nothing")                                                      \
    X(decr_hits, "decr that counted")                                                              \
    X(cas_misses, "cas that found nothing")                                                        \
    X(cas_hits, "cas that stored")                                                                 \
    X(cas_badval, "cas that found another version")                                                \
    X(touch_hits, "keys of cmd_touch that were found")                                             \
    X(touch_misses, "keys of cmd_touch that were not found")                                       \
    X(store_too_large, "values that were longer than the store takes")                             \
    X(store_no_memory, "values for which no room was found")

enum store_count {
#define X(name, meaning) STORE_COUNT_##name,
    STORE_COUNTS(X)
#undef X
        STORE_COUNT_N
};

#endif
