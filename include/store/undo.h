/* undo: the journal of a shard. Each change of its memory goes through these functions, which note what the word was before.
 *
 * It owns nothing: the journal is a field of the shard. All need the shard's lock. What was changed since the last undo_commit is one step:
 * if the process dies before the next one, the next holder of the lock undoes the whole step (undo_all), from the last word to the first.
 * That also holds when it dies in undo_commit or in undo_all.
 *
 * A process that is killed leaves its stores in memory in the order of its program. So it is the compiler alone that must not turn them
 * round: hence the fences.
 *
 * What need not be undone is written plainly: a block that is in no list yet but `making`, and words of which each value is valid (used,
 * counters of events).
 */
#ifndef MOONGATE_STORE_UNDO_H
#define MOONGATE_STORE_UNDO_H

#include <assert.h>
#include <stdint.h>

#include "store/shard.h"

typedef uint32_t __attribute__((may_alias)) undo_word;

static inline void undo_fence(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* at: a multiple of 4. */
static inline void undo_note(struct store_shard *shard, const undo_word *at)
{
    uint32_t n = shard->undo_n;
    assert(n < UNDO_MOST);
    shard->undo[n].at = (uint32_t)((uint64_t)((const uint8_t *)at - (const uint8_t *)shard) / 4);
    shard->undo[n].was = *at;
    undo_fence();
    shard->undo_n = n + 1;
    undo_fence();
}

static inline void undo_set32(struct store_shard *shard, uint32_t *at, uint32_t value)
{
    undo_note(shard, at);
    *at = value;
}

/* at: a multiple of 8. */
static inline void undo_set64(struct store_shard *shard, uint64_t *at, uint64_t value)
{
    undo_word *words = (undo_word *)at;
    undo_note(shard, words);
    undo_note(shard, words + 1);
    *at = value;
}

/* One byte, anywhere. */
static inline void undo_set8(struct store_shard *shard, uint8_t *at, uint8_t value)
{
    undo_note(shard, (undo_word *)(void *)(at - ((uintptr_t)at & 3)));
    *at = value;
}

/* The step is done. */
static inline void undo_commit(struct store_shard *shard)
{
    undo_fence();
    shard->undo_n = 0;
    undo_fence();
}

/* Takes the step back that a process died in. */
void undo_all(struct store_shard *shard);

#endif
