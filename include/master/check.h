/* check: loads the script in a throw-away child, and rehearses it there, so that one that loops or crashes costs nothing.
 *
 * A struct check is owned by its starter (main at start, the master on SIGHUP) and holds at
 * most one child and the pipe on which that child says what is wrong. Nothing here blocks but
 * check_run.
 */
#ifndef MOONGATE_MASTER_CHECK_H
#define MOONGATE_MASTER_CHECK_H

#include "worker/exercise.h"
#include "worker/options.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { CHECK_SECONDS = 10, CHECK_TEXT_MAX = 2048 };

struct check {
    pid_t pid;  /* 0: none runs */
    int pipe;   /* readable when the child speaks or is gone; -1: none */
    int source; /* what it loads; sealed when it could */
    bool late;  /* killed for taking longer than CHECK_SECONDS */
    size_t len;
    char text[CHECK_TEXT_MAX]; /* what it said so far, cut; len bytes and a NUL */
};

/* Called in the child first: lets go of all that is the parent's. */
typedef void check_leave(void *arg);

/* Forks the child. Its stderr, with quiet, is the pipe and its stdout nothing; without quiet
 * both stay the terminal's. service: what runs now, for the rehearsal; NULL: nothing. Returns false with errno when there is no
 * child. */
bool check_start(struct check *k, const struct options *o, bool quiet,
                 const struct exercise_service *service, check_leave *leave, void *arg)
    __attribute__((warn_unused_result));

/* Takes what the child has said. False: it has said all (its end is closed). */
bool check_read(struct check *k);

/* Kills a child that takes too long; its end comes as any other's. */
void check_kill_late(struct check *k);

/* The child has ended with that status of wait(2). NULL: the script loads; else one text that
 * says why it does not, valid as long as k. */
const char *check_end(struct check *k, int status);

/* Logs as warnings what the reader of another proxy's configuration had to say, in a check that has ended well. */
void check_log_notes(const struct check *k);

/* How the rehearsal went, of a check that has ended well; NULL: there was none. */
const char *check_rehearsal(const struct check *k);

/* Drops a running check: the child is killed, without a message. Fine when none runs. */
void check_cancel(struct check *k);

/* All of it at once, blocking CHECK_SECONDS at most; leave (or NULL) and its argument as above. What is wrong is on stderr. Returns an
 * exit code. */
int check_run(const struct options *o, bool quiet, check_leave *leave, void *arg)
    __attribute__((warn_unused_result));

/* How messages name what is loaded: the script's path or `(built-in)`. */
const char *check_script_name(const struct options *o);

#endif
