/* timeline_state: what a timeline (timeline.h) remembers, which owns it all. For timeline.c alone.
 */
#ifndef TESTS_LIB_TIMELINE_STATE_H
#define TESTS_LIB_TIMELINE_STATE_H

#include "lib/timeline.h"

enum { OPEN_MOST = 64, GUESSES_MOST = 4096, SEEN = 4 * GUESSES_MOST };

/* value 0: there is no item. life: the operation that has said how long it lives; -1: none, it lives for ever. */
struct guess {
    uint64_t value;
    uint64_t done; /* which places' operations have taken effect */
    int64_t life;
};

struct guesses {
    size_t n;
    struct guess list[GUESSES_MOST];
};

/* is_end: of the operation. */
struct event {
    double at;
    bool is_end;
    size_t op;
};

struct timeline {
    struct timeline_rules rules;
    struct timeline_op *ops;
    double *first; /* when each may take effect at the earliest; of the key that is looked at */
    size_t n, room;
    size_t *order; /* by key */
    struct event *events;
    int64_t places[OPEN_MOST]; /* operations; -1: free */
    struct guesses now, next;
    struct guess seen[SEEN]; /* tried for the present event */
    uint32_t seen_in[SEEN], event;
    size_t tried;
    const size_t *key_ops; /* of the key that is looked at */
    size_t key_n;
};

#endif
