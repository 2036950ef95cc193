/* arena: the memory of one turn of the loop. What is read and rewritten in a turn lives here until arena_reset.
 *
 * Owned by the worker (or a tool), one a process; released with it. It allocates from one block made at start by moving a pointer
 * up. What does not fit gets its own blob, which the arena adopts, so arena_alloc never fails. Nothing in it survives the turn:
 * to keep bytes, copy them or take a reference to their blob. See src/base/arena.c for how the kinds of memory work together.
 */
#ifndef MOONGATE_BASE_ARENA_H
#define MOONGATE_BASE_ARENA_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"

/* Invariant (arena_sane): used <= cap. I6: cap never grows. */
struct arena {
    uint8_t *bytes;       /* the block: cap bytes, of which the first `used` are given out */
    size_t cap;           /* bytes */
    size_t used;          /* bytes; arena_reset sets it to 0 */
    struct blob *adopted; /* list of blobs; the arena holds one reference to each */
};

/* Allocates a block of cap bytes (> 0). Ends the process when there is no memory. */
void arena_init(struct arena *a, size_t cap);

/* Frees the block and gives the adopted blobs. */
void arena_release(struct arena *a);

/* Bytes that arena_alloc can still give without a blob. */
static inline size_t arena_room(const struct arena *a)
{
    return a->cap - a->used;
}

/* n bytes, not aligned, valid until arena_reset. */
uint8_t *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));

/* Takes back the last n bytes of the newest allocation. Does nothing when that allocation got its own blob. */
void arena_trim(struct arena *a, const uint8_t *end_of_allocation, size_t n);

/* The caller's reference to blob becomes the arena's, which gives it at the next arena_reset. A blob is adopted once at most. */
void arena_adopt(struct arena *a, struct blob *blob);

/* Ends the life of everything that was allocated or adopted since the last reset. */
void arena_reset(struct arena *a);

/* For work that ends before the turn does: arena_rewind takes back everything that was allocated after arena_mark. Adopted blobs
 * stay until arena_reset. */
static inline size_t arena_mark(const struct arena *a)
{
    return a->used;
}
static inline void arena_rewind(struct arena *a, size_t mark)
{
    assert(mark <= a->used); /* nobody has reset the arena meanwhile */
    a->used = mark;
}

#endif
