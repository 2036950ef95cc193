/* stats_lists: the statistics that all workers count by server, pool, command and others. Owns nothing; for stats.c. */
#ifndef MOONGATE_WORKER_STATS_LISTS_H
#define MOONGATE_WORKER_STATS_LISTS_H

#include "base/survey.h"
#include "worker/stats.h"

/* `stats servers`, `stats commands`, `stats listeners`, `stats comparisons`, `stats near`, `stats leases`: a line for each cell of each entry that is in use. */
void stats_servers(const struct stats_source *s, struct outq *out);
void stats_commands(const struct stats_source *s, struct outq *out);
void stats_listeners(const struct stats_source *s, struct outq *out);
void stats_comparisons(const struct stats_source *s, struct outq *out);
void stats_near(const struct stats_source *s, struct outq *out);
void stats_leases(const struct stats_source *s, struct outq *out);

/* The lines of one pool, without its levels. survey NULL: none. */
void stats_show_pool(const struct survey *survey, const char *pool, struct outq *out);

#endif
