/* upgrade: the old process's side of an upgrade: SIGUSR2 starts the binary again, which takes over (see takeover.h).
 *
 * Owned by the master, one for its life; it never blocks the loop. See src/master/upgrade.c for what happens in which order.
 */
#ifndef MOONGATE_MASTER_UPGRADE_H
#define MOONGATE_MASTER_UPGRADE_H

#include "base/board.h"
#include "net/listener.h"
#include "net/newcomer.h"
#include "net/notify.h"
#include "worker/options.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct steering;

/* How this process was started, and so how the next one is. Owned by main. */
struct upgrade_command {
    char path[4096]; /* where the binary lies: the next one will lie there, too */
    char **argv;
};

enum upgrade_state {
    UPGRADE_IDLE,
    UPGRADE_STARTING, /* the new process runs, and is not ready yet */
    UPGRADE_DONE,     /* it is in charge; this one drains */
};

enum upgrade_news {
    UPGRADE_READY,  /* stop accepting, and call upgrade_go */
    UPGRADE_FAILED, /* nothing has changed */
    UPGRADE_ROOM,   /* there may be room for clients that could not be passed on */
};

typedef void upgrade_tell(void *arg, enum upgrade_news news);

struct upgrade {
    struct ev_loop *loop;
    const struct options *options;
    const struct upgrade_command *command;
    const struct board *board;
    const struct listeners *listeners;
    const struct listeners *admin, *metrics,
        *stats; /* the owner sets these after upgrade_init; NULL: there are none */
    const struct steering *steering; /* likewise */
    int tickets;                     /* likewise; -1: there are none */
    int stores;                      /* where the stores lie, likewise */
    const struct notify *notify;
    upgrade_tell *tell;
    void *arg;
    enum upgrade_state state;
    pid_t pid;          /* the new process; 0: none, or it has ended */
    int channel;        /* to it; -1 */
    uint64_t passed;    /* clients */
    bool is_full;       /* there was no room for the last one */
    bool knows_clients; /* the new process reads what is sent with one */
    int complaints;     /* what a daemon's new process says on stderr; -1 */
    bool is_late;       /* it was killed for that */
    bool reloads_again; /* a SIGHUP came meanwhile: the new one may have read the script before */
    char why[160];      /* exec(2) failed */
    char failure[256];  /* how the last one failed, and what to do */
    ev_io io;
    ev_child exit_watcher;
    ev_timer limit;
};

void upgrade_init(struct upgrade *u, struct ev_loop *loop, const struct options *o,
                  const struct upgrade_command *command, const struct board *board,
                  const struct listeners *listeners, const struct notify *notify,
                  upgrade_tell *tell, void *arg);

/* SIGUSR2. Only while this process is in charge and alone in its service. */
void upgrade_start(struct upgrade *u);

/* The new process is in charge from now on: it lets clients in. */
void upgrade_go(struct upgrade *u, bool reloads);

/* Hands a client to the new process. fd stays the caller's. False: there is no room now, or no such process any more. */
bool upgrade_pass(struct upgrade *u, const struct newcomer *n);

/* This process drains or stops: a new one that is not ready yet is killed. */
void upgrade_cancel(struct upgrade *u);

/* Stops its watchers and closes the channel: at the end, and in each forked child. */
void upgrade_stop(struct upgrade *u);

#endif
