/* heap: blocks of any size out of a shard's memory.
 *
 * struct heap is a field of the shard, which owns it; blocks belong to the shard's items. Each call needs the shard's lock, writes a bounded
 * number of words (HEAP_WORDS), all of them through the shard's journal, and takes a bounded time: free blocks stand in lists by size, and
 * two levels of bits say which lists have one. Neighbours that are free are one block at once. References and sizes count units of 8 bytes.
 *
 * Invariants (heap_is_sane): blocks lie without gaps from `begin` to `end`; no two free blocks are neighbours; each free block is in the list
 * of its size, and a bit is set for each list that has one; used_units are the units of used blocks.
 */
#ifndef MOONGATE_STORE_HEAP_H
#define MOONGATE_STORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEAP_FIRST = 27, HEAP_SECOND = 16, HEAP_WORDS = 64 };

struct heap {
    uint32_t begin, end; /* end: the word behind the last block */
    uint32_t used_units;
    uint32_t first;                          /* bits: which rows of `lists` have a block */
    uint32_t second[HEAP_FIRST];             /* bits: which lists of the row */
    uint32_t lists[HEAP_FIRST][HEAP_SECOND]; /* free blocks */
};

struct store_shard;

/* The shard is new, and its memory from begin to end is zero. */
void heap_init(struct store_shard *shard, uint32_t begin, uint32_t end);

/* A block with room for so many bytes behind its first word, which is the heap's. 0: no free block is large enough. */
uint32_t heap_take(struct store_shard *shard, uint64_t bytes);

/* The bytes behind the block's first word: as many as were asked for, or some more. */
uint64_t heap_room(struct store_shard *shard, uint32_t block);

/* The most bytes that heap_take surely gives now. */
uint64_t heap_largest(struct store_shard *shard);

void heap_give(struct store_shard *shard, uint32_t ref);

/* True when all invariants hold; *blocks: how many used blocks there are. */
bool heap_is_sane(struct store_shard *shard, uint64_t *blocks);

#endif
