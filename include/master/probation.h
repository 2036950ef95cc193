/* probation: whether the script that the workers have switched to is good, and what happens when it is not: the last good one comes back.
 *
 * Owned by the master, one for its life. It keeps the source of the last good script, and reads counters on the board with a timer.
 * Invariant: it goes back to a script that has passed, or to the first one, and never from there to an older one.
 */
#ifndef MOONGATE_MASTER_PROBATION_H
#define MOONGATE_MASTER_PROBATION_H

#include "master/crew.h"
#include "master/reload.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

enum { PROBATION_LEAST = 100, PROBATION_SAMPLES = 30, PROBATION_TRIES = 3 };

/* Requests of clients, and errors of the script in them: a get of several keys may have several. */
struct probation_counts {
    uint64_t requests, errors;
};

enum probation_verdict {
    PROBATION_UNDECIDED,
    PROBATION_PASSED,
    PROBATION_FAILED,
};

/* What the counts say. before: of the script before, in as long a time, or as much of it as is known. since: of this one. share: of
 * requests that may fail. is_over: its time is. */
enum probation_verdict probation_judge(struct probation_counts before,
                                       struct probation_counts since, double share, bool is_over);

enum probation_state {
    PROBATION_NONE, /* the script in use is the last good one, or nothing can be done about it */
    PROBATION_ON,   /* it is watched */
    PROBATION_ENDED, /* it has failed: the last good one is to come back, once no reload is under way */
};

/* The script in use has passed, and its source is behind fd, which stays the caller's. */
typedef void probation_good(void *arg, int fd);

struct probation {
    const struct crew *crew;
    struct reload *reload;
    probation_good *on_good;
    void *arg;
    double seconds, share; /* --probation, 0: none; --probation-errors */
    enum probation_state state;
    uint32_t generation; /* on probation, or that has ended it */
    uint32_t good;       /* generation that was the last good one */
    int good_fd;         /* its source; -1: the built-in script, for which there is no probation */
    int earlier_fd;      /* the source of the good one before that one; -1: none is known */
    uint32_t earlier;    /* its generation */
    bool goes_earlier;   /* an operator has asked for that one */
    unsigned tries;      /* to go back */
    char why[160];       /* the last one that failed, and how */
    double began;
    struct probation_counts at_switch; /* of the board, when the workers were told to switch */
    struct probation_counts before;    /* what the last good one is compared by */
    struct probation_counts past[PROBATION_SAMPLES]; /* of the board, the newest first */
    size_t past_n;
    double sampled; /* when */
    ev_timer look;
};

/* The first script is in use. It is on probation unless it has passed before. False: out of descriptors. */
bool probation_init(struct probation *p, const struct crew *crew, struct reload *reload,
                    probation_good *on_good, void *arg) __attribute__((warn_unused_result));

/* A reload or a return to the last good script has ended. */
void probation_take_reload(struct probation *p, enum reload_news news);

/* The worker is stuck in its script, and is killed. */
void probation_take_loss(struct probation *p, const struct slot *s);

/* An operator wants the last good script back: the one in use before this one, if this one has passed. NULL: that begins now, and news of
 * the reload follow. Else a sentence that says why not. */
const char *probation_roll_back(struct probation *p);

/* Stops its timer: when the drain begins, at the end, and in each forked child. */
void probation_stop(struct probation *p);

void probation_release(struct probation *p);

#endif
