/* stat_rule: how the values that several servers have for one statistic become one value.
 *
 * A table and a pure function; owns nothing. The names are those of memcached 1.6.9, 1.6.18, 1.6.38 and 1.6.45. Those of the plain
 * `stats` and of `stats settings` are in stat_names.h.
 */
#ifndef MOONGATE_CLIENT_STAT_RULE_H
#define MOONGATE_CLIENT_STAT_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/stat_names.h"

/* A number stays one number, as programs read these. */
enum stat_rule {
    STAT_EACH, /* all different values, in order, with commas: versions, texts, names not in the table */
    STAT_SUM, /* counts, and bytes */
    STAT_MOST, /* the highest: ages, sizes, numbers of kinds, whether something goes on anywhere (0 or 1) */
    STAT_LEAST, /* the lowest: what holds for all servers */
    STAT_ALL,   /* yes, if all servers say yes; no, if one says no */
};

/* name, rule, the `stats` that has it. In a name that begins with the number of a slab class, only what follows it is looked up:
 * `5:chunk_size`, `items:5:age`. Names that are numbers alone (`stats sizes`) are counts. */
#define STAT_RULES(X)                                                                              \
    X(active_slabs, MOST, "slabs")                                                                 \
    X(total_malloced, SUM, "slabs")                                                                \
    X(chunk_size, MOST, "slabs, settings")                                                         \
    X(chunks_per_page, LEAST, "slabs")                                                             \
    X(total_pages, SUM, "slabs")                                                                   \
    X(total_chunks, SUM, "slabs")                                                                  \
    X(used_chunks, SUM, "slabs")                                                                   \
    X(free_chunks, SUM, "slabs")                                                                   \
    X(free_chunks_end, SUM, "slabs")                                                               \
    X(mem_requested, SUM, "slabs (of old servers), items")                                         \
    X(get_hits, SUM, "slabs")                                                                      \
    X(cmd_set, SUM, "slabs")                                                                       \
    X(delete_hits, SUM, "slabs")                                                                   \
    X(incr_hits, SUM, "slabs")                                                                     \
    X(decr_hits, SUM, "slabs")                                                                     \
    X(cas_hits, SUM, "slabs")                                                                      \
    X(cas_badval, SUM, "slabs")                                                                    \
    X(touch_hits, SUM, "slabs")                                                                    \
    X(number, SUM, "items")                                                                        \
    X(number_hot, SUM, "items")                                                                    \
    X(number_warm, SUM, "items")                                                                   \
    X(number_cold, SUM, "items")                                                                   \
    X(number_temp, SUM, "items")                                                                   \
    X(age, MOST, "items")                                                                          \
    X(age_hot, MOST, "items")                                                                      \
    X(age_warm, MOST, "items")                                                                     \
    X(evicted, SUM, "items")                                                                       \
    X(evicted_nonzero, SUM, "items")                                                               \
    X(evicted_time, MOST, "items")                                                                 \
    X(evicted_unfetched, SUM, "items")                                                             \
    X(evicted_active, SUM, "items")                                                                \
    X(expired_unfetched, SUM, "items")                                                             \
    X(outofmemory, SUM, "items")                                                                   \
    X(tailrepairs, SUM, "items")                                                                   \
    X(reclaimed, SUM, "items")                                                                     \
    X(crawler_reclaimed, SUM, "items")                                                             \
    X(crawler_items_checked, SUM, "items")                                                         \
    X(lrutail_reflocked, SUM, "items")                                                             \
    X(moves_to_cold, SUM, "items")                                                                 \
    X(moves_to_warm, SUM, "items")                                                                 \
    X(moves_within_lru, SUM, "items")                                                              \
    X(direct_reclaims, SUM, "items")                                                               \
    X(store_too_large, SUM, "items (of servers that have it there)")                               \
    X(store_no_memory, SUM, "likewise")                                                            \
    X(hits_to_hot, SUM, "items")                                                                   \
    X(hits_to_warm, SUM, "items")                                                                  \
    X(hits_to_cold, SUM, "items")                                                                  \
    X(hits_to_temp, SUM, "items")                                                                  \
    X(sizes_status, EACH, "sizes")                                                                 \
    X(sizes_error, EACH, "sizes")                                                                  \
    X(addr, EACH, "conns")                                                                         \
    X(listen_addr, EACH, "conns")                                                                  \
    X(state, EACH, "conns")                                                                        \
    X(secs_since_last_cmd, MOST, "conns")

/* The rule of a name. Sets *known, unless known is NULL: whether the table has the name. */
enum stat_rule stat_rule_of(const char *name, size_t len, bool *known);

/* The number of the slab class that a name is about, or of the size in `stats sizes`; STAT_NO_CLASS: of none. */
#define STAT_NO_CLASS UINT32_MAX
uint32_t stat_class_of(const char *name, size_t len);

#endif
