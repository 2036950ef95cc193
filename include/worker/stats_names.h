/* stats_names: which names of memcached's `stats` and `stats settings` are moongate's own, so that its servers' are not shown.
 *
 * A table and two pure functions; owns nothing.
 */
#ifndef MOONGATE_WORKER_STATS_NAMES_H
#define MOONGATE_WORKER_STATS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* The cells that memcached has too, with the same name and meaning. */
#define STATS_CELLS(X)                                                                             \
    X(curr_connections)                                                                            \
    X(total_connections)                                                                           \
    X(rejected_connections)                                                                        \
    X(cmd_get)                                                                                     \
    X(cmd_set)                                                                                     \
    X(cmd_flush)                                                                                   \
    X(cmd_touch)                                                                                   \
    X(cmd_meta)                                                                                    \
    X(get_hits)                                                                                    \
    X(get_misses)                                                                                  \
    X(delete_misses)                                                                               \
    X(delete_hits)                                                                                 \
    X(incr_misses)                                                                                 \
    X(incr_hits)                                                                                   \
    X(decr_misses)                                                                                 \
    X(decr_hits)                                                                                   \
    X(cas_misses)                                                                                  \
    X(cas_hits)                                                                                    \
    X(cas_badval)                                                                                  \
    X(touch_hits)                                                                                  \
    X(touch_misses)                                                                                \
    X(auth_cmds)                                                                                   \
    X(auth_errors)                                                                                 \
    X(bytes_read)                                                                                  \
    X(bytes_written)

/* Those that are shown, as by memcached, only where clients speak TLS; and where --idle-timeout is given. */
#define STATS_CELLS_OF_TLS(X)                                                                      \
    X(ssl_handshake_errors)                                                                        \
    X(ssl_proto_errors)                                                                            \
    X(ssl_new_sessions)
#define STATS_CELLS_OF_IDLE(X) X(idle_kicks)

/* Two totals_skip_fn. True: of `stats`, moongate shows its own; of `stats settings`, that too, or the name says nothing of the tier. */
bool stats_own_statistic(const char *name, size_t len);
bool stats_no_setting(const char *name, size_t len);

#endif
