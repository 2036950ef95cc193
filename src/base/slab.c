/* A free list for each size of block. A list is a stack: the block that was returned last is borrowed first and is still in the
 * processor's cache. Pieces never go back to malloc, since what a busy second needed, the next busy second needs again. */
#include "base/slab.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"

/* Classes 1 to FINE are as many cache lines of 64 bytes: there are many small blocks, and they must waste little. Those above are
 * powers of two, to 4 KiB. */
enum { LINE = 64, FINE = 8, FINE_BITS = 9, LARGEST = 11, PIECE = 64 * 1024 };

_Static_assert(LINE *FINE == 1 << FINE_BITS, "the size of class FINE");

#if defined(__SANITIZE_ADDRESS__)
#define EVERY_BLOCK_IS_A_MALLOC 1
#else
#define EVERY_BLOCK_IS_A_MALLOC 0
#endif

struct block {
    struct block *next;
};

static struct block *lists[LARGEST + 1];

/* malloc, or the end of the process. */
static void *allocate(size_t size)
{
    void *p = malloc(size);
    if (!p) {
        log_error(
            "memory: exhausted: %zu bytes were wanted; give this host more or lower the limits",
            size);
        abort();
    }
    return p;
}

/* The class whose blocks hold `size` bytes; above LARGEST: none does. */
static unsigned class_of(size_t size)
{
    if (size <= (size_t)FINE * LINE) return size == 0 ? 1 : (unsigned)((size + LINE - 1) / LINE);
    return FINE + 64 - FINE_BITS - (unsigned)__builtin_clzll(size - 1);
}

static size_t size_of(unsigned class)
{
    if (class <= FINE) return (size_t)LINE * class;
    return (size_t)1 << (FINE_BITS + class - FINE);
}

/* Carves a new piece into blocks of that class. From its end on, so that blocks are borrowed in the order of their addresses. */
static void refill(unsigned class)
{
    assert(class >= 1 && class <= LARGEST && !lists[class]);
    size_t size = size_of(class);
    uint8_t *piece = allocate(PIECE);
    for (size_t at = PIECE / size * size; at >= size; at -= size) {
        struct block *b = (struct block *)(void *)(piece + at - size);
        b->next = lists[class];
        lists[class] = b;
    }
} /* NOLINT(clang-analyzer-unix.Malloc): the piece lives on in its list */

void *slab_borrow(size_t size)
{
    unsigned class = class_of(size);
    if (EVERY_BLOCK_IS_A_MALLOC || class > LARGEST) return allocate(size);
    if (!lists[class]) refill(class);
    struct block *b = lists[class];
    lists[class] = b->next;
    __builtin_prefetch(b->next); /* the next one is read when it is borrowed */
    return b;
}

void slab_return(void *p, size_t size)
{
    unsigned class = class_of(size);
    assert(p);
    if (EVERY_BLOCK_IS_A_MALLOC || class > LARGEST) {
        free(p);
        return;
    }
    struct block *b = p;
    b->next = lists[class];
    lists[class] = b;
}

size_t slab_room(size_t size)
{
    unsigned class = class_of(size);
    if (EVERY_BLOCK_IS_A_MALLOC || class > LARGEST) return size;
    return size_of(class);
}
