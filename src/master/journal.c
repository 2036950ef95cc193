#include "master/journal.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *journal_word(enum journal_outcome outcome)
{
    static const char *const words[] = {
#define X(name, word, meaning) [JOURNAL_##name] = word,
        JOURNAL_OUTCOMES(X)
#undef X
    };
    assert(outcome < sizeof words / sizeof *words);
    return words[outcome];
}

bool journal_may_hold_keys(const struct journal_entry *e)
{
    return e->outcome == JOURNAL_REFUSED;
}

/* Where entry i lies. */
static uint32_t place(const struct journal *j, uint32_t i)
{
    assert(j->n <= JOURNAL_ENTRIES && j->first < JOURNAL_ENTRIES && i < j->n);
    return (j->first + j->n - 1 - i) % JOURNAL_ENTRIES;
}

const struct journal_entry *journal_look(const struct journal *j, uint32_t i)
{
    return i < j->n ? &j->entries[place(j, i)] : NULL;
}

/* A reload that is tried again and again, or a file that is saved again and again, does not drive out what came before. */
static bool is_repeated(const struct journal *j, const struct journal_entry *next)
{
    if (j->n == 0 || next->outcome != JOURNAL_REFUSED) return false;
    const struct journal_entry *last = journal_look(j, 0);
    return last->outcome == next->outcome && last->generation == next->generation &&
           strcmp(last->reason, next->reason) == 0;
}

void journal_note(struct journal *j, enum journal_outcome outcome, uint32_t generation,
                  const char *reason)
{
    struct journal_entry next = {
        .time = time(NULL), .generation = generation, .times = 1, .outcome = outcome};
    snprintf(next.reason, sizeof next.reason, "%s", reason);
    if (is_repeated(j, &next)) {
        next.times += journal_look(j, 0)->times;
        j->entries[place(j, 0)] = next;
        return;
    }
    if (j->n < JOURNAL_ENTRIES)
        j->n++;
    else
        j->first = (j->first + 1) % JOURNAL_ENTRIES;
    j->entries[place(j, 0)] = next;
}
