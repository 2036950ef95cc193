/* spooling: the spooler process (spool/spooler.h) of a service: it is started with the first folder that a script names, and started again
 * when it dies.
 *
 * Owned by the master, or by the worker of a single process. It owns its end of the control socket and its watchers. The process ends with
 * its owner, however that ends.
 */
#ifndef MOONGATE_WORKER_SPOOLING_H
#define MOONGATE_WORKER_SPOOLING_H

#include "base/board.h"
#include "spool/place.h"
#include "spool/spooler.h"
#include "spool/words.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* An answer to a question (spooling_ask): ROWS, several of them, then ANSWERED. NULL: the process has ended, and no question that was asked
 * gets an answer. */
typedef void spooling_answer(void *arg, struct spool_said *said);

/* Called in the child, before anything else. */
typedef void spooling_leave_fn(void *arg);

struct spooling {
    struct ev_loop *loop;
    struct spooler_counts counts;
    spooling_leave_fn *leave; /* NULL: there is nothing to leave */
    spooling_answer *answer;  /* NULL: nobody asks */
    void *arg;                /* of both */
    struct spool_place places[SPOOL_PLACES_MOST];
    uint32_t places_n;
    pid_t pid;               /* 0: not running */
    int control;             /* -1: likewise, or it has ended and is not reaped yet */
    bool is_over;            /* it is not started again */
    double started, backoff; /* seconds */
    ev_io reader;
    ev_timer again; /* the next start; or folders are to be named to it again */
};

/* Where they stand on the board: the row of the master, or of the process that is alone. */
struct spooler_counts spooling_counts(struct board_row *row);

/* The rest is set by the caller before spooling_open: counts, leave, answer, arg. */
void spooling_init(struct spooling *s, struct ev_loop *loop);

/* A script names these folders: they are opened, and the process is started if it does not run. Folders that were named before stay open. */
void spooling_open(struct spooling *s, const struct spool_place *places, uint32_t n);

/* SHOW or DROP. False: there is no spooler, or it does not read. */
bool spooling_ask(struct spooling *s, enum spool_word word, uint64_t question, const char *name);

/* The process ends once it has answered what came, and is not started again: it is not waited for. */
void spooling_finish(struct spooling *s);

/* The same, and it is waited for, at most a second; then it is killed, which loses nothing. */
void spooling_release(struct spooling *s);

/* In another child: closes what is the owner's alone. */
void spooling_leave(struct spooling *s);

#endif
