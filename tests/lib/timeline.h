/* timeline: what many clients have asked of keys and been told, and whether one item a key could have answered all of it.
 *
 * The test notes each operation when it has ended; timeline_check then looks for an order of them, one after the other, in which
 * each takes effect between its beginning and its end, and each answer is what a cache would say. A write without an answer may have
 * taken effect, or may do so later. Each value that is stored is another one. The caller owns it and destroys it. How it looks:
 * tests/lib/timeline.c. For one writer a key, and endless tests, there is lib/history.h.
 */
#ifndef TESTS_LIB_TIMELINE_H
#define TESTS_LIB_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, whether it changes the item */
#define TIMELINE_DEEDS(X)                                                                          \
    X(READ, false)                                                                                 \
    X(SET, true)                                                                                   \
    X(ADD, true)                                                                                   \
    X(REPLACE, true)                                                                               \
    X(CAS, true)                                                                                   \
    X(DELETE, true)                                                                                \
    X(APPEND, true)                                                                                \
    X(INCR, true)                                                                                  \
    X(TOUCH, true)

enum timeline_deed {
#define X(name, writes) TIMELINE_##name,
    TIMELINE_DEEDS(X)
#undef X
};

/* YES: found, stored, done. NO: NOT_FOUND, NOT_STORED or a miss. EXISTS: a cas that compared unequal. UNKNOWN: an error or none. */
enum timeline_answer { TIMELINE_YES, TIMELINE_NO, TIMELINE_EXISTS, TIMELINE_UNKNOWN };

/* value: what was stored, or appended; what a read found; the sum that incr was told. Numbers are timeline_number. Never 0 where there
 * is one. cas: what a read was shown with its value, 0: nothing; what a cas compared. */
struct timeline_op {
    uint32_t client, key;
    enum timeline_deed deed;
    enum timeline_answer answer;
    uint64_t value, cas;
    uint32_t delta;    /* of an incr */
    double ttl;        /* seconds that the item has from now on, of a write; 0: for ever */
    double begin, end; /* seconds of one clock; an UNKNOWN one ends when its client gave up */
};

/* What may be. */
struct timeline_rules {
    double stale; /* a read may find what was so many seconds before it began */
    double late; /* a write without an answer may take effect until so many seconds after its end */
    double ticks;   /* an item may live so much longer than its ttl */
    bool is_strict; /* no item goes by itself: a miss says that there is none */
    bool
        is_regular; /* a read that begins while a write may take effect may find what was before that write, whatever others found */
};

/* name, meaning */
#define TIMELINE_FAULTS(X)                                                                         \
    X(NONE, "as it may be")                                                                        \
    X(UNWRITTEN, "a value that no client has stored, or not yet")                                  \
    X(STALE, "older than a write that had ended before")                                           \
    X(RESURRECTED, "found after a delete had ended, and no client has stored it since")            \
    X(EXPIRED, "found after its time")                                                             \
    X(LOST, "nothing, where an acknowledged value is")                                             \
    X(COMPARED, "a cas that succeeded on another version")                                         \
    X(UPDATE, "an append or incr that fits no value before it, or an add or a refusal of an item " \
              "that was not there")                                                                \
    X(TANGLED, "too many orders are possible: the test must ask for less at once")

enum timeline_fault {
#define X(name, meaning) TIMELINE_FAULT_##name,
    TIMELINE_FAULTS(X)
#undef X
        TIMELINE_FAULT_COUNT
};

const char *timeline_fault_name(enum timeline_fault fault);

struct timeline;

struct timeline *timeline_create(const struct timeline_rules *rules);
void timeline_destroy(struct timeline *t);

/* Notes an operation, in any order. Its place, 0.. */
size_t timeline_note(struct timeline *t, const struct timeline_op *op);

/* Forgets all operations. */
void timeline_clear(struct timeline *t);

/* The first fault of all keys, and the operation that shows it; NONE: there is none. `at` may be NULL. */
enum timeline_fault timeline_check(struct timeline *t, size_t *at);

/* Writes that operation's key with all that was noted about it around that time, a line each, to stdout. */
void timeline_print(const struct timeline *t, size_t at);

/* The value of an item after `piece` was appended to it; the value of a number, and of the sum with it. */
uint64_t timeline_appended(uint64_t value, uint64_t piece);
uint64_t timeline_number(uint64_t number);

#endif
