/* verify: for every key that moves, the new place is made to hold what the old one holds, while clients go on.
 *
 * The caller owns the tier and all that is in here; verify_run runs the tier's loop until it is done. Clients' writes must go to both
 * places meanwhile (move/service.h asks whether they do). What it does is safe to be done twice, and to be ended at any time.
 */
#ifndef MOONGATE_MOVE_VERIFY_H
#define MOONGATE_MOVE_VERIFY_H

#include "move/service.h"

struct verify_counts {
    uint64_t listed;    /* keys that servers named: of the old script's, then of the new one's */
    uint64_t moves;     /* of those, keys that were compared */
    uint64_t equal;     /* both places had the same */
    uint64_t gone;      /* neither had it any more */
    uint64_t corrected; /* the new place had something else */
    uint64_t added;     /* it had nothing */
    uint64_t removed;   /* the old place had nothing any more */
    uint64_t
        kept; /* the old place was restarted, and so has nothing: what the new one has is right, and stays */
    uint64_t differing; /* what could not be settled */
    uint32_t unread;    /* servers that did not list their keys to the end */
    uint32_t rounds;    /* 1; more if servers were restarted meanwhile */
    double seconds;
};

struct verify_how {
    const char *prefix; /* of clients' keys; NULL: all */
    double rate;        /* keys a second; INFINITY: no limit */
    double most_load;   /* as in struct copy_how */
    double patience;    /* seconds that a server which does not answer is waited for */
    double settle; /* seconds that a difference must stay to count: longer than servers' timeouts */
    struct service *service; /* open: what clients use meanwhile; NULL: nobody looks */
    bool dry_run;            /* only count */
    bool quiet;              /* no line on the terminal */
};

enum verify_end {
    VERIFY_WHOLE,   /* all is the same now */
    VERIFY_DIFFERS, /* something could not be settled, or a server not be read */
    VERIFY_STOPPED, /* by a signal */
};

/* Compares, and fills counts; prints a line on stderr for each server at which something could not be settled. */
enum verify_end verify_run(struct tier *t, const struct verify_how *how,
                           struct verify_counts *counts);

#endif
