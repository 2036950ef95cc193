/* worker_state: what a worker is made of. For the files of this floor alone: worker, worker_tools, succession, orders, drain.
 *
 * Owned by worker_run, or by the caller of worker_open. Each part is written by the file that has its name.
 */
#ifndef MOONGATE_WORKER_WORKER_STATE_H
#define MOONGATE_WORKER_WORKER_STATE_H

#include <ev.h>

#include "base/outages.h"
#include "client/clients.h"
#include "net/doors.h"
#include "script/script.h"
#include "worker/answers.h"
#include "worker/arrivals.h"
#include "worker/certificates.h"
#include "worker/drain.h"
#include "worker/entrances.h"
#include "worker/keeping.h"
#include "worker/names.h"
#include "worker/pace.h"
#include "worker/spool_child.h"
#include "worker/stats.h"
#include "worker/storing.h"
#include "worker/succession.h"
#include "worker/worker.h"

struct worker {
    const struct worker_seat *seat;
    struct board_row *row;       /* this worker's own counters */
    struct heartbeat *heartbeat; /* likewise */
    struct options options;      /* the seat's, with what the script set */
    struct script_option settable[SCRIPT_OPTIONS];
    struct ev_loop *loop;
    struct arena arena;
    struct names names;
    struct backends backends;
    struct turn turn;
    struct clients clients;
    struct script_host host;
    struct certificates certificates;
    struct tls_files tls; /* for clients, as the command line says */
    struct entrances entrances;
    struct succession succession;
    struct drain drain;
    struct keeping keeping;
    struct pace pace;
    struct storing storing;
    struct stats_source stats;
    ev_prepare before_sleep;
    ev_check after_sleep;
    ev_timer settle; /* runs while servers are waited for before the worker is ready */
    ev_io channel;
    struct arrivals arrivals;
    struct answers answers; /* to the master's questions */
    ev_io signals;
    struct doors doors;             /* in a single process */
    struct spool_child spool_child; /* likewise */
    struct log_limit refusal_lines;
    ev_timer sweep;
    struct outages outages;                    /* of servers, where there is no master */
    uint64_t user_us_before, system_us_before; /* of the workers that were in this seat before */
    int exit_code;
};

/* Sets it up; nothing is watched yet. connects: servers and names are asked for. */
void worker_init(struct worker *w, const struct worker_seat *seat, bool connects);
void worker_release(struct worker *w);

/* Watches the loop's turns, and what is due now and then. */
void worker_watch_loop(struct worker *w);

/* After what may have taken long: else what is timed from here on would have begun before it. */
void worker_look_at_clock(struct worker *w);

/* What clients and the turn may do from now on, as these options say. */
void worker_set_limits(struct worker *w, const struct options *o);

/* Ends the loop; the process exits with code. */
void worker_stop(struct worker *w, int code);

#endif
