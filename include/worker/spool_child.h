/* spool_child: the spooler process (spool/spooler.h) of a service: it is started with the first folder that a script names, and started again
 * when it dies.
 *
 * Owned by the master, or by the worker of a single process. It owns its end of the control socket and its watchers. The process ends with
 * its owner, however that ends.
 */
#ifndef MOONGATE_WORKER_SPOOL_CHILD_H
#define MOONGATE_WORKER_SPOOL_CHILD_H

#include "base/board.h"
#include "spool/place.h"
#include "spool/spooler.h"
#include "spool/words.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* An answer to a question (spool_child_ask): ROWS, several of them, then ANSWERED. NULL: the process has ended, and no question that was asked
 * gets an answer. */
typedef void spool_child_answer(void *arg, struct spool_said *said);

/* Called in the child, before anything else. */
typedef void spool_child_leave_fn(void *arg);

struct spool_child {
    struct ev_loop *loop;
    struct spooler_counts counts;
    spool_child_leave_fn *leave; /* NULL: there is nothing to leave */
    spool_child_answer *answer;  /* NULL: nobody asks */
    void *arg;                   /* of both */
    struct spool_place places[SPOOL_PLACES_MOST];
    uint32_t places_n;
    pid_t pid;               /* 0: not running */
    int control;             /* -1: likewise, or it has ended and is not reaped yet */
    bool is_over;            /* it is not started again */
    double started, backoff; /* seconds */
    int status;              /* of the process that has ended, as wait(2) says; -1: not known yet */
    ev_child exit_watcher;   /* in the default loop, which reaps all children */
    ev_io reader;
    ev_timer again; /* the next start; or folders are to be named to it again */
};

/* Where they stand on the board: the row of the master, or of the process that is alone. */
struct spooler_counts spool_child_counts(struct board_row *row);

/* The rest is set by the caller before spool_child_open: counts, leave, answer, arg. */
void spool_child_init(struct spool_child *s, struct ev_loop *loop);

/* A script names these folders: they are opened, and the process is started if it does not run. Folders that were named before stay open. */
void spool_child_open(struct spool_child *s, const struct spool_place *places, uint32_t n);

/* SHOW or DROP. False: there is no spooler, or it does not read. */
bool spool_child_ask(struct spool_child *s, enum spool_word word, uint64_t question,
                     const char *name);

/* The process ends once it has answered what came, and is not started again: it is not waited for. */
void spool_child_finish(struct spool_child *s);

/* The same, and it is waited for, at most a second; then it is killed, which loses nothing. */
void spool_child_release(struct spool_child *s);

/* In another child: closes what is the owner's alone. */
void spool_child_leave(struct spool_child *s);

#endif
