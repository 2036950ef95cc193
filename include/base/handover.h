/* handover: who has a client that the master has offered to a worker.
 *
 * A word of shared memory for each client on its way, by its number: 1 for the first that this worker was
 * offered. The master offers it; then the worker takes or declines it, or the master withdraws it, whoever is first. So a
 * client never has two owners and never none, whenever one of the two stops or dies.
 */
#ifndef MOONGATE_BASE_HANDOVER_H
#define MOONGATE_BASE_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

enum { HANDOVERS = 64 }; /* on their way to one worker, most of them */

enum handover_state {
    HANDOVER_OFFERED,
    HANDOVER_TAKEN,     /* by the worker, which serves it */
    HANDOVER_DECLINED,  /* by the worker, which has no room for it */
    HANDOVER_WITHDRAWN, /* by the master, which gives it to somebody else */
    HANDOVER_RELEASED,  /* taken, and the master has closed its copy */
};

/* The number is a part of the word: the place may be that of a later client by now. */
struct handover {
    uint64_t words[HANDOVERS];
};

static inline uint64_t *handover_place(struct handover *h, uint64_t number)
{
    return &h->words[number % HANDOVERS];
}

static inline void handover_offer(struct handover *h, uint64_t number)
{
    __atomic_store_n(handover_place(h, number), number << 3 | HANDOVER_OFFERED, __ATOMIC_RELEASE);
}

/* False: it was decided before. */
static inline bool handover_decide(struct handover *h, uint64_t number, enum handover_state state)
{
    uint64_t offered = number << 3 | HANDOVER_OFFERED;
    return __atomic_compare_exchange_n(handover_place(h, number), &offered, number << 3 | state,
                                       false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* The master has closed its copy of one that was taken. */
static inline void handover_release(struct handover *h, uint64_t number)
{
    __atomic_store_n(handover_place(h, number), number << 3 | HANDOVER_RELEASED, __ATOMIC_RELEASE);
}

/* The master still has its copy of one that was taken. */
static inline bool handover_is_held(struct handover *h, uint64_t number)
{
    uint64_t word = __atomic_load_n(handover_place(h, number), __ATOMIC_ACQUIRE);
    return word == (number << 3 | HANDOVER_TAKEN);
}

/* Of one that is among the last HANDOVERS. */
static inline enum handover_state handover_state_of(struct handover *h, uint64_t number)
{
    return (enum handover_state)(__atomic_load_n(handover_place(h, number), __ATOMIC_ACQUIRE) & 7);
}

#endif
