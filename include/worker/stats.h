/* stats: the answers to `stats` and `stats settings|proxy|pools|servers|script|reset`, for the whole service.
 *
 * Owns nothing: reads the board, the options and the worker's script. Any worker gives the same answer.
 */
#ifndef MOONGATE_WORKER_STATS_H
#define MOONGATE_WORKER_STATS_H

#include "base/board.h"
#include "net/outq.h"
#include "script/script.h"
#include "worker/options.h"

struct stats_source {
    struct board *board;
    const struct clients *clients; /* the worker's */
    const struct options *options;
    struct script *const *script; /* the worker's current one */
    int pid;                      /* the master's, or the single process's */
};

/* A clients_stats_fn; about is a struct stats_source. Appends the whole answer to `stats what` (what is "" for the plain stats).
 * False, and nothing appended, when there are no such statistics. */
bool stats_answer(void *about, const char *what, size_t len, struct outq *out);

#endif
