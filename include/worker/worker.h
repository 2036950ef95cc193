/* worker: one process (or the only one, with --single-process) that serves clients.
 *
 * Owns a libev loop, a script, clients and backend connections; shares nothing but its board row.
 * worker_run returns the process's exit code after a drain; the forked process exits with it.
 */
#ifndef MOONGATE_WORKER_WORKER_H
#define MOONGATE_WORKER_WORKER_H

#include "base/board.h"
#include "worker/options.h"
#include <stdbool.h>
#include <stdint.h>

struct labels;
struct listeners;
struct steering;
struct store_region;
struct tickets;

/* How the worker is fed. With a master: channel is its end of the pair and listeners is NULL. Single process:
 * channel is -1 and the worker accepts from listeners itself and takes the signals. */
struct worker_seat {
    const struct options *options;
    struct board *board; /* everyone's counters; this worker's own are parts[part] */
    uint32_t index;      /* the worker's number, 0.. */
    uint32_t part;       /* where it counts: it may still have a process that drains */
    int script_fd;       /* text of the script to start with, see source; -1: built-in */
    uint32_t generation; /* what the script loaded at start is numbered: 1, more after reloads */
    bool relieves;       /* another serves until this one is ready */
    const struct labels *labels; /* the master's, likewise, of listeners of scripts; or NULL */
    const struct steering
        *steering; /* the master's, when this worker was forked; NULL: nothing is steered */
    struct tickets *tickets; /* of TLS sessions: the master's, or main's; NULL: there are none */
    struct store_region *stores; /* the master's, or main's; NULL: there are none */
    int channel;
    struct listeners
        *listeners; /* main's: the worker may listeners_close them early, not destroy them */
};

/* In a forked worker SIGINT, SIGHUP and SIGQUIT (a terminal sends them to the whole group) are already ignored:
 * the master's orders come by channel. SIGTERM stands at its default; SIGPIPE is ignored. */

int worker_run(const struct worker_seat *seat) __attribute__((warn_unused_result));

#endif
