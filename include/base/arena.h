/* arena: the memory of one turn of the loop. What is read and rewritten in a turn lives here until arena_reset.
 *
 * One a worker. Bump allocation from one block made at start; what does not fit gets a blob of its own that the arena
 * adopts, so arena_alloc never fails. Nothing in it survives the turn: who wants to keep bytes copies
 * them or takes a count of the blob they are in.
 */
#ifndef MOONGATE_BASE_ARENA_H
#define MOONGATE_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"

/* Invariant (arena_sane): used <= cap. */
struct arena {
    uint8_t *bytes;
    size_t cap;
    size_t used;
    struct blob *adopted;
};

void arena_init(struct arena *a, size_t cap);
void arena_release(struct arena *a);

/* Bytes that arena_alloc can still give without a blob. */
static inline size_t arena_room(const struct arena *a)
{
    return a->cap - a->used;
}

/* n bytes, not aligned, valid until arena_reset. */
uint8_t *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));

/* Takes back the last `n` bytes of the newest allocation, if it came from the block (a no-op for a blob). */
void arena_trim(struct arena *a, const uint8_t *end_of_allocation, size_t n);

/* Takes over the caller's count of blob until arena_reset. */
void arena_adopt(struct arena *a, struct blob *blob);

/* Forgets everything since the last reset. */
void arena_reset(struct arena *a);

/* For work that ends before the turn does: everything allocated after arena_mark goes with arena_rewind. */
static inline size_t arena_mark(const struct arena *a)
{
    return a->used;
}
static inline void arena_rewind(struct arena *a, size_t mark)
{
    a->used = mark;
}

#endif
