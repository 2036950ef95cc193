/* master_state: the master's state, shared by the files that make up a master (master.c, upgrading.c).
 *
 * Nobody else includes this. master_run makes it and frees it.
 */
#ifndef MOONGATE_MASTER_MASTER_STATE_H
#define MOONGATE_MASTER_MASTER_STATE_H

#include "base/board.h"
#include "base/log.h"
#include "master/admin.h"
#include "master/ask.h"
#include "master/crew.h"
#include "master/http.h"
#include "master/journal.h"
#include "master/lookout.h"
#include "master/master.h"
#include "master/nutcracker_stats.h"
#include "master/opening.h"
#include "master/probation.h"
#include "master/recent.h"
#include "master/reload.h"
#include "master/rotation.h"
#include "master/saver.h"
#include "master/script_watch.h"
#include "master/service.h"
#include "master/status.h"
#include "master/steer.h"
#include "master/storage.h"
#include "master/watchdog.h"
#include "net/doors.h"
#include "worker/spool_child.h"
#include <ev.h>
#include <stdbool.h>

enum master_state {
    MASTER_RUNNING,
    MASTER_DRAINING, /* no new clients; workers finish what is in flight */
    MASTER_STOPPING, /* workers are killed; only their end is waited for */
};

#define MASTER_SIGNALS(X)                                                                          \
    X(SIGTERM)                                                                                     \
    X(SIGINT)                                                                                      \
    X(SIGQUIT)                                                                                     \
    X(SIGHUP)                                                                                      \
    X(SIGUSR1)                                                                                     \
    X(SIGUSR2)

enum {
#define X(number) +1
    MASTER_SIGNALS_N = 0 MASTER_SIGNALS(X)
#undef X
};

struct master {
    const struct master_seat *seat;
    const struct options *options;
    struct listeners *listeners; /* main's */
    struct ev_loop *loop;
    struct board *board;
    struct crew *crew;
    struct asks asks;
    struct steers steers;
    struct admin admin;
    struct http http;
    struct nutcracker_stats stats;
    struct watchdog watchdog;
    struct reload reload;
    struct script_watch script_watch;
    struct probation probation;
    struct saver saver;
    struct spool_child spool_child;
    struct rotation rotation;
    struct storage storage;
    struct service service;
    struct journal journal;
    struct recent recent;
    struct upgrade upgrade;   /* to the next process */
    struct takeover takeover; /* from the one before */
    bool upgrades_next;       /* SIGUSR2 came while the one before was still there */
    bool was_told;            /* to end, once, since the upgrade */
    enum master_state state;
    struct board_wishes wishes; /* options as the script has them */
    int exit_code;
    bool has_ended; /* the last worker is gone; the loop ends */
    struct opening opening;
    struct doors doors;
    ev_timer limit; /* of the drain, then of the killing */
    ev_signal signals[MASTER_SIGNALS_N];
    struct log_limit refusal_lines;
    struct lookout lookout;
};

/* entrance.c's: which clients come in. */

/* False: out of descriptors or memory. */
bool entrance_init(struct master *m);

/* A reload_listen; and what comes of a reload for the listeners. */
bool entrance_listens(void *arg, enum reload_listen_step step, int source, bool is_forced,
                      char *why);
void entrance_take_reload(struct master *m, enum reload_news news);

/* Derives whether clients are let in. */
void master_watch(struct master *m);

/* pages.c's: what --metrics and --nutcracker-stats serve. */

/* False: it cannot be served. A process that takes over serves once it is in charge. */
bool pages_init(struct master *m);

/* This process is the service from now on. */
void pages_open(struct master *m);

/* The pages that there are get no new readers: this process is not the service any more. */
void pages_shut(struct master *m);

/* In a forked child: closes what only the master is to have. */
void pages_leave(struct master *m);

/* master.c's. */

/* The first step of a drain and of a stop: no client comes in and no process is started from now on. */
void master_close(struct master *m, enum master_state state);

/* Ends the loop with the last worker. */
void master_end_if_alone(struct master *m);

/* Kills all workers. */
void master_stop(struct master *m, int exit_code);

/* Orders all workers to end: DRAIN or RETIRE. seconds < 0: no limit. */
void master_order_end(struct master *m, enum channel_message_type order, double seconds);

/* The spooler opens the folders that the script in that source names, before workers use it. */
void master_open_spools(struct master *m, int source);

/* overview.c's: what the master says about itself. */

/* From now on it remembers what --metrics and --admin may ask for, if there is one of them. False: no memory. */
bool overview_init(struct master *m);
void overview_release(struct master *m);

/* The state now; it borrows from the master. */
struct status_view master_view(const struct master *m);

/* A reload has begun or ended: what the journal and the board keep of it. */
void master_note_reload(struct master *m, enum reload_news news);

/* This process is the service from now on. */
void master_note_start(struct master *m);

/* upgrading.c's: the master's part in an upgrade. */

/* The board for this process; takes the files of one that is inherited. NULL: out of memory. */
struct board *upgrading_board(const struct options *o, struct inherited *in);

/* Prepares both: being upgraded, and taking over. */
void upgrading_init(struct master *m);

/* SIGUSR2. */
void upgrading_request(struct master *m);

/* Clients could be let in. */
void upgrading_opens(struct master *m);

#endif
