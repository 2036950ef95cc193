/* history: what happened to one key, whose writer is one client, and whether a read tells the truth about it.
 *
 * A register with one writer: its operations have numbers, 1.. ; a value says by which one it was stored. A read may find what the
 * last operation left that was acknowledged before the read began, or any later one that had begun before it ended. An operation
 * that failed may be carried out at any time, or never. The stage owns it.
 */
#ifndef TESTS_LIB_HISTORY_H
#define TESTS_LIB_HISTORY_H

#include <stdbool.h>

enum operation { OPERATION_NONE, OPERATION_SET, OPERATION_DELETE };

/* name, meaning: of a read */
#define VERDICTS(X)                                                                                \
    X(RIGHT, "as it may be")                                                                       \
    X(STALE, "older than an acknowledged write or delete, or a flush_all")                         \
    X(EXPIRED, "a value whose time was over")                                                      \
    X(LOST, "nothing, where an acknowledged value is")                                             \
    X(UNBORN, "a value that nobody has stored")

enum verdict {
#define X(name, meaning) VERDICT_##name,
    VERDICTS(X)
#undef X
        VERDICT_COUNT
};

const char *verdict_name(enum verdict verdict);

struct history;

struct history *history_create(void);

/* The next operation begins; its number. ttl in seconds, 0: for ever. One at a time: then it ends. */
unsigned history_begins(struct history *h, enum operation operation, double ttl);
void history_ends(struct history *h, bool is_acknowledged);

/* A flush_all of all keys, one at a time. */
void history_flush_begins(void);
void history_flush_ends(bool is_acknowledged);

/* What is known when a read begins. */
struct history_read {
    unsigned acknowledged; /* the last operation that was */
    double began;
    double flushed; /* when the last flush_all began that was acknowledged */
};

struct history_read history_read_begins(const struct history *h);

/* The read has found the value of operation `number`; 0: nothing. */
enum verdict history_read_ends(const struct history *h, const struct history_read *read,
                               unsigned number);

#endif
