/* nutcracker_stats: the statistics of --nutcracker-stats: a client that connects gets a JSON document with the members that nutcracker's has,
 * and is closed.
 *
 * Embedded in the master, which owns it and stops it, also in each forked child. Nothing waits. I6: STATS_READERS connections at once, of
 * which the oldest makes room for the next; one that takes nothing for STATS_STUCK seconds is closed.
 */
#ifndef MOONGATE_MASTER_NUTCRACKER_STATS_H
#define MOONGATE_MASTER_NUTCRACKER_STATS_H

#include <ev.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/records.h"
#include "base/survey.h"
#include "net/doors.h"

enum { STATS_READERS = 32, STATS_STUCK = 5 };

struct master;
struct stats_reader;

struct nutcracker_stats {
    struct master *master; /* NULL: it is not served */
    struct doors doors;
    struct stats_reader *readers; /* the newest first */
    unsigned n;
    ev_timer look; /* runs while there are readers */
};

/* Serves on the sockets of the master's seat, which stay main's. None: it does nothing. False: out of memory. */
bool nutcracker_stats_init(struct nutcracker_stats *s, struct master *m)
    __attribute__((warn_unused_result));

/* Nobody comes in any more; who is there is closed. Allowed twice, and where it was never started (all bytes zero). */
void nutcracker_stats_stop(struct nutcracker_stats *s);

/* What goes into the document besides the time. down_since: seconds since 1970 for a server that is down, 0 for one that is not. */
struct nutcracker_view {
    const char *source, *version;
    double now; /* seconds since 1970 */
    const struct survey *survey;
    const struct records *pools; /* as worker/answers.h has them; NULL: no worker has answered */
    double (*down_since)(void *arg, const char *server);
    void *arg;
};

/* Prints the document, which ends with a newline. */
void nutcracker_stats_print(const struct nutcracker_view *v, FILE *out);

#endif
