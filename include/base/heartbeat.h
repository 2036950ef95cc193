/* heartbeat: by what the master sees that a worker turns, and what a worker that does not is in. A part of the board, which owns it.
 *
 * The worker alone writes it, with plain stores, but for `asked`, and for heartbeat_begin, which the master calls before the
 * worker is forked. `turns` is odd while a turn of the loop runs and even while the worker sleeps, so a worker without work
 * needs no timer to look alive.
 */
#ifndef MOONGATE_BASE_HEARTBEAT_H
#define MOONGATE_BASE_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

enum { HEARTBEAT_PLACE = 120, HEARTBEAT_COMMAND = 24, HEARTBEAT_KEY = 80 };

/* What a script is in. Empty texts: not known. `mark` is another one when the worker has gone on to something else. The key is as it came, cut to HEARTBEAT_KEY bytes. */
struct heartbeat_doing {
    char place[HEARTBEAT_PLACE]; /* "the function at shop.lua:9", "a timer" */
    char command[HEARTBEAT_COMMAND];
    uint8_t key[HEARTBEAT_KEY];
    uint32_t key_len;    /* of all of it */
    uint32_t generation; /* of the script */
    bool is_in_script;
    uint64_t mark;
    double cpu; /* seconds of processor time that the worker had had */
};

/* Invariant: `doing` is what the worker was in when it stored `answered`. */
struct heartbeat {
    uint64_t turns; /* grows when a turn begins and when it ends */
    uint32_t loads; /* the generation that it is loading, 0: none */
    uint32_t asked; /* the master's: counts its questions */
    uint32_t answered;
    struct heartbeat_doing doing;
} __attribute__((aligned(64)));

/* Before a worker starts: it loads that generation first. */
static inline void heartbeat_begin(struct heartbeat *h, uint32_t generation)
{
    *h = (struct heartbeat){.turns = 1, .loads = generation};
}

static inline uint64_t heartbeat_turns(const struct heartbeat *h)
{
    return __atomic_load_n(&h->turns, __ATOMIC_RELAXED);
}

static inline bool heartbeat_is_awake(uint64_t turns)
{
    return turns & 1;
}

#endif
