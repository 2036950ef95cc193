/* holdings: what a tier's servers really hold: on which of them a key lies, and whether the script looks for it there.
 *
 * The caller owns the tier, of one script, and all that is in here; holdings_run runs the tier's loop until it is done. It changes
 * nothing, unless it is to clean: then it deletes items that lie where the script never looks for their keys.
 */
#ifndef MOONGATE_MOVE_HOLDINGS_H
#define MOONGATE_MOVE_HOLDINGS_H

#include "move/tier.h"

/* What is said of a key: name, word for programs, text */
#define HOLDINGS_STATES(X)                                                                         \
    X(FOUND, "found", "found where the script looks for them")                                     \
    X(MISSING, "missing", "on no server")                                                          \
    X(ELSEWHERE, "elsewhere", "only where the script does not look for them")                      \
    X(UNKNOWN, "unknown", "not known: a server did not answer, or the script failed")

enum holdings_state {
#define X(name, word, text) HOLDINGS_##name,
    HOLDINGS_STATES(X)
#undef X
        HOLDINGS_STATES_COUNT
};

/* Of one server, by its number in the tier. */
struct holdings_server {
    uint64_t items;      /* keys that it has */
    uint64_t duplicates; /* of those, keys that the script never looks for there */
    uint64_t cleaned;    /* of those, keys that were deleted */
    uint64_t unknown;    /* keys about which it gave no answer */
    char why[160];       /* why it gave none */
};

struct holdings_counts {
    uint64_t keys;
    uint64_t states[HOLDINGS_STATES_COUNT];
    uint64_t duplicated; /* keys that lie also, or only, where the script never looks */
    uint64_t differing;  /* keys whose copies differ though they should be equal */
    uint64_t strays;     /* of a dump: keys that the script sends under no such name */
    uint32_t unread;     /* servers that did not list their keys to the end */
    double seconds;
    struct holdings_server *servers; /* owned, by holdings_counts_release */
    uint32_t servers_n;
};

/* What is known of one key, valid during the call. */
struct holdings_key {
    const struct tier_key *client;
    enum holdings_state state;
    bool differs;
    const uint32_t *found, *duplicates; /* numbers of servers */
    uint32_t found_n, duplicates_n;
};

typedef void holdings_key_fn(void *owner, const struct holdings_key *key);

struct holdings_how {
    const char *
        keys; /* a file with clients' keys, one a line; -: the standard input; NULL: those that servers list */
    double rate;      /* questions to servers a second; INFINITY: no limit */
    double most_load; /* as in struct copy_how */
    bool clean;
    bool quiet;           /* no line on the terminal */
    holdings_key_fn *key; /* NULL, or gets each key */
    void *owner;
};

enum holdings_end { HOLDINGS_RIGHT, HOLDINGS_WRONG, HOLDINGS_STOPPED, HOLDINGS_REFUSED };

/* WRONG: a key lies where it should not and was not deleted, copies differ, or something is not known. REFUSED: after a complaint. */
enum holdings_end holdings_run(struct tier *t, const struct holdings_how *how,
                               struct holdings_counts *counts);
void holdings_counts_release(struct holdings_counts *counts);

#endif
