/* outages: what the log says of servers that are down, and of connections that end: lines of the service, whatever the number of
 * its workers and their connections.
 *
 * Workers note on the board why connections have ended (struct board_trouble); they log nothing. One process looks at the board now and
 * then: the master, which owns the record, or the only process where there is no master. See src/base/outages.c.
 */
#ifndef MOONGATE_BASE_OUTAGES_H
#define MOONGATE_BASE_OUTAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/board.h"
#include "base/log.h"

/* What is known of one server, summed over the workers of this house. */
struct outage {
    char name[BOARD_NAME];
    uint64_t falls, ends, idle_ends, failed; /* at the last look */
    double since;                            /* when it was first seen down */
    double told;                             /* when the last line about that was written */
    double unused;          /* since when no worker has had connections to it; 0: they have */
    uint64_t failed_before; /* calls that had failed when it was last seen up */
    bool is_down;
    bool was_down_before;   /* since before this process looked */
    struct log_limit lines; /* counts in minutes */
};

/* Invariant: no two of them have the same name. */
struct outages {
    struct outage *all;
    size_t n;
};

/* Takes what the board says now for known. A server that is down now, for the workers of a process before, is down since at least now,
 * and that process has said so. now: monotonic seconds. */
void outages_init(struct outages *o, const struct board *board, double now);

/* Logs what has changed since the last look. now: monotonic seconds. */
void outages_look(struct outages *o, const struct board *board, double now);

void outages_release(struct outages *o);

/* Why a connection to the server of that name ended, or could not be made, last in any worker. Any process. False: that is not known. */
bool outages_reason(const struct board *board, const char *name, char reason[BOARD_REASON]);

/* --- for the worker that has the connections */

/* A connection has ended, or could not be made. The reason is copied. */
void trouble_note(struct board_trouble *t, const char *reason, double now);

/* An idle one was closed by its server. */
void trouble_note_idle(struct board_trouble *t);

#endif
