/* replay: a recording, put to one script or two.
 *
 * replay_run owns all that it makes, and frees it before it returns; the results are the caller's. It does its work in a child process: whatever
 * a script does there ends no more than the replay, and what was found so far is kept.
 */
#ifndef MOONGATE_REPLAY_REPLAY_H
#define MOONGATE_REPLAY_REPLAY_H

#include "replay/results.h"
#include "worker/options.h"

/* What is replayed, and how. Texts are the caller's. */
struct replay_how {
    const char *file;                  /* "-": the standard input */
    const char *scripts[REPLAY_SIDES]; /* OLD: NULL without --compare */
    int kinds[REPLAY_SIDES];           /* places among SCRIPT_KIND_WORDS */
    const struct options *options;     /* of the workers: limits, Lua, flags of other proxies */
    bool is_real;                      /* real servers */
    bool writes;                       /* to real servers, too */
    bool refill;                       /* what is no longer found is stored again */
    bool same_servers; /* NEW's fakes begin with what OLD's of the same names hold */
    bool warm;         /* NEW's fakes, too, begin with what the recording found */
    double speed;      /* times the recording's own; 0: as fast as it goes */
    uint64_t rate;     /* requests a second, at most; 0: any number */
    uint64_t fake_memory;
    uint32_t value_bytes; /* of values whose size is not known */
    bool verbose;         /* the log of the workers is shown */
    bool shows_progress;
};

/* Replays it, and fills r, in which the caller has put nothing; thresholds are the caller's. Returns enum exit_code: EXIT_OK when there are
 * results of the whole recording or up to where it was stopped or is damaged; r->end says which. Else r->trouble says why, and a complaint was printed where there
 * are no results at all. */
int replay_run(const struct replay_how *how, struct replay_results *r)
    __attribute__((warn_unused_result));

/* --- for the files of this floor: */

/* In memory that parent and child share. `beats` grows while the child goes on. Results: the two are written in turn, `shown` is
 * the one that is whole. */
struct replay_shared {
    volatile uint32_t stop;               /* by the parent */
    volatile uint64_t beats;              /* by the child, as what follows */
    volatile uint64_t requests, at, size; /* progress: requests, bytes of the file */
    volatile bool is_loaded;
    volatile uint32_t shown; /* 0: nothing yet; else 1 or 2 */
    struct replay_results results[2];
    char error[2048]; /* of a child that cannot begin; one line */
};

/* The child's work. Returns its exit code. */
int replay_child(const struct replay_how *how, struct replay_shared *shared);

#endif
