/* journal: what became of each script that the service was to run: the last JOURNAL_ENTRIES events.
 *
 * A struct inside the master, which owns it and alone touches it; memory is bounded. Texts are what the log says, cut, and may hold any
 * bytes of a script's error: readers escape them. Equal refusals in a row are one entry with a count.
 */
#ifndef MOONGATE_MASTER_JOURNAL_H
#define MOONGATE_MASTER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { JOURNAL_ENTRIES = 32, JOURNAL_REASON = 256 };

/* name, word, meaning */
#define JOURNAL_OUTCOMES(X)                                                                        \
    X(STARTED, "started", "this process began with it")                                            \
    X(ACCEPTED, "accepted", "every worker uses it")                                                \
    X(REFUSED, "refused", "it could not be loaded, or failed its rehearsal: nothing has changed")  \
    X(ROLLED_BACK, "rolled back", "a new script failed: the last good one is in use again")        \
    X(NOT_UPGRADED, "upgrade failed", "the new process could not take over: nothing has changed")

enum journal_outcome {
#define X(name, word, meaning) JOURNAL_##name,
    JOURNAL_OUTCOMES(X)
#undef X
};

struct journal_entry {
    time_t time;         /* of the last one, where they are several */
    uint32_t generation; /* in use since then */
    uint32_t times;      /* how often in a row */
    enum journal_outcome outcome;
    char reason[JOURNAL_REASON];
};

/* All zero: empty. Invariant: n <= JOURNAL_ENTRIES, and the newest entry is entries[(first + n - 1) % JOURNAL_ENTRIES]. */
struct journal {
    uint32_t first, n;
    struct journal_entry entries[JOURNAL_ENTRIES];
};

/* Adds an event of now. reason: a text, "" where there is none to give. When the journal is full the oldest goes. */
void journal_note(struct journal *j, enum journal_outcome outcome, uint32_t generation,
                  const char *reason);

/* The newest is 0; NULL behind the oldest. Valid until the next journal_note. */
const struct journal_entry *journal_look(const struct journal *j, uint32_t i);

/* The reason may hold what clients have sent: a new script is asked about such requests before it is used. */
bool journal_may_hold_keys(const struct journal_entry *e);

/* `rolled back` */
const char *journal_word(enum journal_outcome outcome);

#endif
