/* handover: which process owns a client that the master has offered to a worker. The words are a part of the board, which owns
 * them.
 *
 * I15: each client on its way has a word of shared memory, by its number: 1 for the first that this worker was offered. The
 * master offers it. Then the worker takes or declines it, or the master withdraws it; one compare-and-swap decides, so the first
 * one wins. So a client has exactly one owner at any moment, also when the master or the worker stops or dies.
 */
#ifndef MOONGATE_BASE_HANDOVER_H
#define MOONGATE_BASE_HANDOVER_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum { HANDOVERS = 64 }; /* clients on their way to one worker, at most */

enum handover_state {
    HANDOVER_OFFERED,
    HANDOVER_TAKEN,     /* by the worker, which serves it */
    HANDOVER_DECLINED,  /* by the worker, which has no room for it */
    HANDOVER_WITHDRAWN, /* by the master, which offers it to another worker */
    HANDOVER_RELEASED,  /* taken, and the master has closed its copy of the descriptor */
};

/* The number is a part of the word, as client number + HANDOVERS uses the same word: a process that comes late sees that. */
struct handover {
    uint64_t words[HANDOVERS];
};

static inline uint64_t *handover_place(struct handover *h, uint64_t number)
{
    return &h->words[number % HANDOVERS];
}

/* The master offers a client. It calls this before it sends the descriptor, as the worker may take it at once. */
static inline void handover_offer(struct handover *h, uint64_t number)
{
    assert(number > 0); /* a word of zeros is no offer */
    __atomic_store_n(handover_place(h, number), number << 3 | HANDOVER_OFFERED, __ATOMIC_RELEASE);
}

/* Decides an offer: TAKEN or DECLINED by the worker, WITHDRAWN by the master. False: the other process has decided before. */
static inline bool handover_decide(struct handover *h, uint64_t number, enum handover_state state)
{
    assert(state == HANDOVER_TAKEN || state == HANDOVER_DECLINED || state == HANDOVER_WITHDRAWN);
    uint64_t offered = number << 3 | HANDOVER_OFFERED;
    return __atomic_compare_exchange_n(handover_place(h, number), &offered, number << 3 | state,
                                       false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* The master has closed its copy of the descriptor of a client that was taken. */
static inline void handover_release(struct handover *h, uint64_t number)
{
    __atomic_store_n(handover_place(h, number), number << 3 | HANDOVER_RELEASED, __ATOMIC_RELEASE);
}

/* True while the master still has its copy of the descriptor of a client that was taken. */
static inline bool handover_is_held(struct handover *h, uint64_t number)
{
    uint64_t word = __atomic_load_n(handover_place(h, number), __ATOMIC_ACQUIRE);
    return word == (number << 3 | HANDOVER_TAKEN);
}

/* The state of a client; it must be one of the last HANDOVERS that were offered. */
static inline enum handover_state handover_state_of(struct handover *h, uint64_t number)
{
    return (enum handover_state)(__atomic_load_n(handover_place(h, number), __ATOMIC_ACQUIRE) & 7);
}

#endif
