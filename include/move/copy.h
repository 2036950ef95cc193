/* copy: items of the old script's servers, put where the new script looks for them, while both serve.
 *
 * The caller owns the tier and all that is in here; copy_run runs the tier's loop until it is done. What it does is safe to be done
 * twice, and to be ended at any time: an item is only ever added where there is none.
 */
#ifndef MOONGATE_MOVE_COPY_H
#define MOONGATE_MOVE_COPY_H

#include "move/service.h"
#include "move/tier.h"

/* Why a key is not copied: name, name for programs, text */
#define COPY_SKIPS(X)                                                                              \
    X(STAYS, "stays", "stay where they are")                                                       \
    X(THERE, "there", "there already, or newer there")                                             \
    X(GONE, "gone", "expired or deleted meanwhile")                                                \
    X(COPY, "copies", "lie where the new script looks for them")                                   \
    X(STRAY, "strays", "lie where neither script looks for them")                                  \
    X(OTHER, "other_prefix", "have another prefix")                                                \
    X(NOWHERE, "nowhere", "have no place in the new script")                                       \
    X(FILLING, "filling", "are empty, and being filled by a client")                               \
    X(LARGE, "too_large", "too large for their new server")                                        \
    X(DONE, "done_before", "done by an earlier run")

enum copy_skip {
#define X(name, word, text) COPY_SKIP_##name,
    COPY_SKIPS(X)
#undef X
        COPY_SKIPS_COUNT
};

struct copy_counts {
    uint64_t listed; /* keys that servers named, in the last pass */
    uint64_t moves;  /* of those, keys that are to be copied */
    uint64_t copied; /* items, in all passes: each once, however many places it has */
    uint64_t bytes;  /* of their values */
    uint64_t skipped[COPY_SKIPS_COUNT]; /* in the last pass */
    uint64_t lost;                      /* keys that were to be copied and were not */
    uint32_t unread;                    /* servers that did not list their keys to the end */
    uint64_t drawn; /* keys that went to several places, of which the new script draws one */
    uint32_t passes;
    double seconds;
};

struct copy_how {
    const char *prefix; /* of clients' keys; NULL: all */
    double rate;        /* items a second; INFINITY: no limit */
    double bandwidth;   /* bytes of values a second; INFINITY: no limit */
    double
        most_load; /* go slower when servers take so many times as long as at their best; 0: never */
    double patience;         /* seconds that a server which does not answer is waited for */
    const char *state;       /* the file that lets another run go on; NULL: none */
    uint64_t identity;       /* of the scripts and the prefix: another state is not taken */
    uint32_t passes;         /* so many at most, until one copies nothing; 1: one */
    struct service *service; /* open: what clients use meanwhile; NULL: nobody looks */
    bool dry_run;            /* only count */
    bool quiet;              /* no line on the terminal */
};

enum copy_end {
    COPY_WHOLE,   /* every key was copied or skipped */
    COPY_LOSES,   /* some were lost, or the last pass still found some that are new */
    COPY_STOPPED, /* by a signal */
    COPY_REFUSED, /* a complaint was printed, and nothing was done */
};

/* Copies, fills counts, and prints a line on stderr for each server at which something was lost. */
enum copy_end copy_run(struct tier *t, const struct copy_how *how, struct copy_counts *counts);

#endif
