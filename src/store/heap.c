/* Two-level segregated fit (Masmano, Ripoll, Crespo, Real: "TLSF: a new dynamic memory allocator for real-time systems", 2004).
 *
 * A block is a number of units. Its first word says how many, whether it is used, and whether the block before it is. A free block also
 * has, behind that word, its neighbours in its list; its last word says its units once more, so that the block behind it finds its first
 * word. A used block has one word of overhead.
 *
 * Lists: row 0 has one for each size below 16 units; each further row covers a power of two, in 16 lists. So up to 31 units all blocks of a
 * list have one size. Where they do not, the first one of the list is looked at, then the lists of larger blocks. */
#include "store/heap.h"

#include <assert.h>

#include "store/undo.h"

enum { USED = 1, BEFORE_USED = 2, SIZE_SHIFT = 2, LEAST_UNITS = 2, SECOND_LOG = 4 };
enum { WORD_NEXT = 1, WORD_PREVIOUS = 2 }; /* of a free block */

static const uint64_t MOST_UNITS = (1U << 30) - 1;

static uint32_t *block_at(struct store_shard *shard, uint32_t block)
{
    return shard_at(shard, block);
}

static uint32_t units_of(const uint32_t *block)
{
    return *block >> SIZE_SHIFT;
}

/* The first word of the block behind it. */
static uint32_t *behind(uint32_t *block)
{
    return block + (uint64_t)units_of(block) * 2;
}

static uint32_t *last_word(uint32_t *block, uint32_t units)
{
    return block + (uint64_t)units * 2 - 1;
}

/* --- lists ----------------------------------------------------------------------------------------- */

struct place {
    uint32_t row, list;
};

static struct place place_of(uint32_t units)
{
    if (units < HEAP_SECOND) return (struct place){0, units};
    uint32_t log = 31 - (uint32_t)__builtin_clz(units);
    return (struct place){log - SECOND_LOG + 1, units >> (log - SECOND_LOG) & (HEAP_SECOND - 1)};
}

static void list_out(struct store_shard *shard, uint32_t *block)
{
    struct heap *h = &shard->heap;
    struct place p = place_of(units_of(block));
    uint32_t next = block[WORD_NEXT], previous = block[WORD_PREVIOUS];
    if (next) undo_set32(shard, &block_at(shard, next)[WORD_PREVIOUS], previous);
    if (previous) {
        undo_set32(shard, &block_at(shard, previous)[WORD_NEXT], next);
        return;
    }
    undo_set32(shard, &h->lists[p.row][p.list], next);
    if (next) return;
    undo_set32(shard, &h->second[p.row], h->second[p.row] & ~(1U << p.list));
    if (!h->second[p.row]) undo_set32(shard, &h->first, h->first & ~(1U << p.row));
}

static void list_in(struct store_shard *shard, uint32_t *block)
{
    struct heap *h = &shard->heap;
    struct place p = place_of(units_of(block));
    uint32_t ref = shard_ref(shard, block), next = h->lists[p.row][p.list];
    undo_set32(shard, &block[WORD_NEXT], next);
    undo_set32(shard, &block[WORD_PREVIOUS], 0);
    if (next) undo_set32(shard, &block_at(shard, next)[WORD_PREVIOUS], ref);
    undo_set32(shard, &h->lists[p.row][p.list], ref);
    if (next) return;
    undo_set32(shard, &h->second[p.row], h->second[p.row] | 1U << p.list);
    undo_set32(shard, &h->first, h->first | 1U << p.row);
}

/* The first block of the first list, from this one on, that has one. NULL: none has. */
static uint32_t *search(struct store_shard *shard, struct place p)
{
    const struct heap *h = &shard->heap;
    uint32_t lists = p.list < HEAP_SECOND ? h->second[p.row] & ~0U << p.list : 0;
    if (!lists) {
        uint32_t rows = h->first & (uint32_t)(~(uint64_t)0 << (p.row + 1));
        if (!rows) return NULL;
        p.row = (uint32_t)__builtin_ctz(rows);
        lists = h->second[p.row];
    }
    assert(lists);
    return block_at(shard, h->lists[p.row][__builtin_ctz(lists)]);
}

/* A free block of so many units at least. */
static uint32_t *find(struct store_shard *shard, uint32_t units)
{
    struct place p = place_of(units);
    uint32_t first = shard->heap.lists[p.row][p.list];
    if (first && units_of(block_at(shard, first)) >= units) return block_at(shard, first);
    p.list++;
    return search(shard, p);
}

/* --- blocks ---------------------------------------------------------------------------------------- */

static void set_before(struct store_shard *shard, uint32_t *block, bool used)
{
    undo_set32(shard, block, used ? *block | BEFORE_USED : *block & ~(uint32_t)BEFORE_USED);
}

/* Makes [block, block + units) one free block, and puts it into its list. */
static void make_free(struct store_shard *shard, uint32_t *block, uint32_t units)
{
    undo_set32(shard, block, units << SIZE_SHIFT | BEFORE_USED);
    undo_set32(shard, last_word(block, units), units);
    list_in(shard, block);
}

void heap_init(struct store_shard *shard, uint32_t begin, uint32_t end)
{
    assert(begin + LEAST_UNITS <= end && end - begin <= MOST_UNITS && shard->undo_n == 0);
    shard->heap.begin = begin;
    shard->heap.end = end;
    *block_at(shard, end) = USED;
    make_free(shard, block_at(shard, begin), end - begin);
    undo_commit(shard);
}

uint32_t heap_take(struct store_shard *shard, uint64_t bytes)
{
    uint64_t wanted = (bytes + sizeof(uint32_t) + SHARD_UNIT - 1) / SHARD_UNIT;
    if (wanted < LEAST_UNITS) wanted = LEAST_UNITS;
    uint32_t units = (uint32_t)wanted;
    uint32_t *block = wanted > MOST_UNITS ? NULL : find(shard, units);
    if (!block) return 0;
    list_out(shard, block);
    uint32_t rest = units_of(block) - units;
    if (rest < LEAST_UNITS) {
        units += rest;
        set_before(shard, behind(block), true);
    } else
        make_free(shard, block + (uint64_t)units * 2, rest);
    assert(*block & BEFORE_USED); /* its neighbour is not free: they would be one block */
    undo_set32(shard, block, units << SIZE_SHIFT | BEFORE_USED | USED);
    undo_set32(shard, &shard->heap.used_units, shard->heap.used_units + units);
    return shard_ref(shard, block);
}

uint64_t heap_room(struct store_shard *shard, uint32_t block)
{
    return (uint64_t)units_of(block_at(shard, block)) * SHARD_UNIT - sizeof(uint32_t);
}

uint64_t heap_largest(struct store_shard *shard)
{
    const struct heap *h = &shard->heap;
    if (!h->first) return 0;
    uint32_t row = 31 - (uint32_t)__builtin_clz(h->first);
    uint32_t list = 31 - (uint32_t)__builtin_clz(h->second[row]);
    return heap_room(shard, h->lists[row][list]);
}

void heap_give(struct store_shard *shard, uint32_t ref)
{
    uint32_t *block = block_at(shard, ref), units = units_of(block), *next = behind(block);
    assert(*block & USED && shard->heap.used_units >= units);
    undo_set32(shard, &shard->heap.used_units, shard->heap.used_units - units);
    if (*next & USED)
        set_before(shard, next, false);
    else {
        list_out(shard, next);
        units += units_of(next);
    }
    if (!(*block & BEFORE_USED)) {
        uint32_t before = block[-1];
        block -= (uint64_t)before * 2;
        list_out(shard, block);
        units += before;
    }
    make_free(shard, block, units);
}

/* --- sanity ---------------------------------------------------------------------------------------- */

/* Free blocks by their lists; 0: a list is wrong. */
static bool lists_are_sane(struct store_shard *shard, uint64_t *free_blocks)
{
    struct heap *h = &shard->heap;
    for (uint32_t row = 0; row < HEAP_FIRST; row++) {
        if (!h->second[row] != !(h->first >> row & 1)) return false;
        for (uint32_t list = 0; list < HEAP_SECOND; list++) {
            uint32_t previous = 0, at = h->lists[row][list];
            if (!at != !(h->second[row] >> list & 1)) return false;
            for (; at; previous = at, at = block_at(shard, at)[WORD_NEXT]) {
                if (at < h->begin || at >= h->end) return false;
                const uint32_t *block = block_at(shard, at);
                struct place p = place_of(units_of(block));
                if (p.row != row || p.list != list || *block & USED) return false;
                if (block[WORD_PREVIOUS] != previous) return false;
                if (++*free_blocks > h->end) return false;
            }
        }
    }
    return true;
}

bool heap_is_sane(struct store_shard *shard, uint64_t *blocks)
{
    const struct heap *h = &shard->heap;
    uint64_t listed = 0, unused = 0, at = h->begin, used_units = 0;
    bool before_used = true;
    *blocks = 0;
    while (at < h->end) {
        uint32_t *block = block_at(shard, (uint32_t)at), units = units_of(block);
        bool used = *block & USED;
        if (units < LEAST_UNITS || at + units > h->end) return false;
        if (!(*block & BEFORE_USED) != !before_used || (!used && !before_used)) return false;
        if (!used && *last_word(block, units) != units) return false;
        unused += !used;
        *blocks += used;
        used_units += used ? units : 0;
        before_used = used;
        at += units;
    }
    const uint32_t *end = block_at(shard, h->end);
    return at == h->end && *end == (USED | (before_used ? BEFORE_USED : 0)) &&
           used_units == h->used_units && lists_are_sane(shard, &listed) && listed == unused;
}
