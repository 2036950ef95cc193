/* A block's class is its size, rounded up: to 16 bytes up to 1 KiB, above that to a quarter of a power of two. A chunk has blocks of
 * one class, and a list of those that were freed. Its head is not in it but in the first page of its region, so that blocks of
 * a power of two fill it without a rest, and a block's address alone leads to the head.
 *
 * A chunk without a block is any class's again. A region without a block goes back to the system; one such region is kept, as
 * what a busy second needed, the next busy second needs again.
 *
 * Regions take no huge pages: the kernel would fill those up again that memory_trim has emptied.
 *
 * Without memory from the system the process ends, as everywhere (base/slab.h). So it does far above the limit (`most`): a script
 * stops at its next check above the limit, so it comes there only where it has no check for long.
 *
 * A script that is loaded or closed by a job (base/job.h) pauses here: whatever Lua does then, it allocates or frees. */
#include "script/memory.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/job.h"
#include "base/log.h"
#include "base/process.h"

enum { CHUNK = 64 * 1024, CHUNKS = 64, FINE = 1024, STEP = 16 };

static const size_t REGION = (size_t)CHUNK * CHUNKS;

#if defined(__SANITIZE_ADDRESS__)
#define EVERY_BLOCK_IS_A_MALLOC 1
#else
#define EVERY_BLOCK_IS_A_MALLOC 0
#endif

struct memory_chunk {
    uint8_t *bytes;
    void *freed;    /* a list of blocks */
    uint32_t fresh; /* bytes from which on no block was given out yet */
    uint32_t live;  /* blocks */
    uint32_t size, class;
    struct memory_chunk *next, *previous; /* with room, of the same class */
};

/* The first chunk's place is taken by this, so it is never free. */
struct memory_region {
    struct memory_region *next, *previous;
    uint64_t free;  /* a bit for each chunk */
    uint64_t dirty; /* it was used since it was last given back */
    struct memory_chunk chunks[CHUNKS];
};

static const uint64_t ALL_FREE = ~(uint64_t)1;

/* --- regions ----------------------------------------------------------------------------------- */

static void *from_system(void)
{
    void *p = mmap(NULL, 2 * REGION, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        log_error(
            "memory: exhausted: a script needs more; give this host more or lower the limits");
        abort();
    }
    return p;
}

/* What is mapped is twice as large, so that a whole region is in it at a multiple of its size. */
static struct memory_region *map_region(void)
{
    uint8_t *p = from_system();
    uint8_t *at = (uint8_t *)(((uintptr_t)p + REGION - 1) & ~(REGION - 1));
    if (at > p) munmap(p, (size_t)(at - p));
    munmap(at + REGION, (size_t)(p + REGION - at));
    madvise(at, REGION, MADV_NOHUGEPAGE);
    return (struct memory_region *)(void *)at;
}

static void unlink_region(struct memory *m, struct memory_region *r)
{
    *(r->previous ? &r->previous->next : &m->regions) = r->next;
    *(r->next ? &r->next->previous : &m->last) = r->previous;
}

static void put_first(struct memory *m, struct memory_region *r)
{
    r->previous = NULL;
    r->next = m->regions;
    *(r->next ? &r->next->previous : &m->last) = r;
    m->regions = r;
}

static void put_last(struct memory *m, struct memory_region *r)
{
    r->next = NULL;
    r->previous = m->last;
    *(r->previous ? &r->previous->next : &m->regions) = r;
    m->last = r;
}

static struct memory_region *region_of(const void *p)
{
    return (struct memory_region *)((uintptr_t)p & ~(REGION - 1));
}

static void unmap_region(struct memory *m, struct memory_region *r)
{
    unlink_region(m, r);
    munmap(r, REGION);
}

/* --- chunks ------------------------------------------------------------------------------------ */

static struct memory_chunk *take_chunk(struct memory *m)
{
    struct memory_region *r = m->regions;
    if (!r || !r->free) {
        r = map_region();
        r->free = ALL_FREE;
        put_first(m, r);
    }
    if (r == m->empty) m->empty = NULL;
    unsigned at = (unsigned)__builtin_ctzll(r->free);
    r->free &= r->free - 1;
    r->dirty |= (uint64_t)1 << at;
    if (!r->free) {
        unlink_region(m, r);
        put_last(m, r);
    }
    r->chunks[at].bytes = (uint8_t *)r + (size_t)at * CHUNK;
    return &r->chunks[at];
}

static void give_chunk(struct memory *m, struct memory_chunk *c)
{
    struct memory_region *r = region_of(c);
    if (!r->free) {
        unlink_region(m, r);
        put_first(m, r);
    }
    r->free |= (uint64_t)1 << (c - r->chunks);
    if (r->free != ALL_FREE) return;
    if (m->empty)
        unmap_region(m, r);
    else
        m->empty = r;
}

static void link_chunk(struct memory *m, struct memory_chunk *c)
{
    c->previous = NULL;
    c->next = m->partial[c->class];
    if (c->next) c->next->previous = c;
    m->partial[c->class] = c;
}

static void unlink_chunk(struct memory *m, struct memory_chunk *c)
{
    *(c->previous ? &c->previous->next : &m->partial[c->class]) = c->next;
    if (c->next) c->next->previous = c->previous;
}

static bool is_full(const struct memory_chunk *c)
{
    return !c->freed && c->fresh + c->size > CHUNK;
}

/* --- blocks ------------------------------------------------------------------------------------ */

/* *room: the size of the class's blocks. */
static unsigned class_of(size_t size, size_t *room)
{
    assert(size > 0 && size <= MEMORY_LARGE);
    if (size <= FINE) {
        *room = (size + STEP - 1) & ~(size_t)(STEP - 1);
        return (unsigned)(*room / STEP - 1);
    }
    unsigned power = 63 - (unsigned)__builtin_clzll(size - 1);
    size_t quarter = ((size - 1) >> (power - 2)) & 3;
    *room = (5 + quarter) << (power - 2);
    return FINE / STEP + (power - 10) * 4 + (unsigned)quarter;
}

size_t memory_room(size_t size)
{
    if (size > 0 && size <= MEMORY_LARGE) class_of(size, &size);
    return size;
}

static struct memory_chunk *begin_chunk(struct memory *m, unsigned class, size_t room)
{
    struct memory_chunk *c = take_chunk(m);
    c->freed = NULL;
    c->fresh = c->live = 0;
    c->size = (uint32_t)room;
    c->class = class;
    link_chunk(m, c);
    return c;
}

static void *take_small(struct memory *m, unsigned class, size_t room)
{
    struct memory_chunk *c = m->partial[class];
    if (!c) c = begin_chunk(m, class, room);
    void *p = c->freed;
    if (p) {
        memcpy(&c->freed, p, sizeof c->freed);
    } else {
        p = c->bytes + c->fresh;
        c->fresh += c->size;
    }
    c->live++;
    if (is_full(c)) unlink_chunk(m, c);
    return p;
}

static void give_small(struct memory *m, void *p)
{
    struct memory_region *r = region_of(p);
    struct memory_chunk *c = &r->chunks[((uintptr_t)p & (REGION - 1)) / CHUNK];
    assert(c->live > 0);
    if (is_full(c)) link_chunk(m, c);
    memcpy(p, &c->freed, sizeof c->freed);
    c->freed = p;
    if (--c->live > 0) return;
    unlink_chunk(m, c);
    give_chunk(m, c);
}

static void *take_large(size_t size)
{
    void *p = malloc(size);
    if (!p) {
        log_error(
            "memory: exhausted: a script wants %zu bytes; give this host more or lower the limits",
            size);
        abort();
    }
    return p;
}

/* --- counting ---------------------------------------------------------------------------------- */

static void note_short(struct memory *m)
{
    m->is_asked = true;
    m->ask(m);
    if (m->used <= m->most) return;
    log_error("script memory: %zu MiB, far more than --script-memory %zu bytes, and nothing could "
              "stop the script: this worker ends",
              m->used >> 20, m->limit);
    _exit(EXIT_SYSTEM);
}

static void count(struct memory *m, size_t bytes)
{
    m->used += bytes;
    if (m->used > m->mark) note_short(m);
}

/* A quarter above the limit is for what the collector has not freed yet. */
bool memory_lacks(const struct memory *m, size_t bytes)
{
    size_t most = m->limit + m->limit / 4;
    return m->limit && (m->used > most || bytes > most - m->used);
}

/* A new block of a power of two is the table of Lua's strings, which grows while a string is made and shrinks while the collector
 * runs: that is never refused. */
static bool refuses(struct memory *m, const void *block, size_t to)
{
    bool is_table_of_strings = !block && (to & (to - 1)) == 0;
    if (to <= MEMORY_HUGE || !m->may_refuse || is_table_of_strings) return false;
    if (!memory_lacks(m, to)) return false;
    m->refused++;
    return true;
}

void memory_hold(struct memory *m, size_t bytes)
{
    m->held += bytes;
    count(m, bytes);
}

void memory_give(struct memory *m, size_t bytes)
{
    assert(m->held >= bytes && m->used >= bytes);
    m->held -= bytes;
    m->used -= bytes;
}

/* --- Lua's allocator --------------------------------------------------------------------------- */

static void *take(struct memory *m, size_t size)
{
    size_t room = size;
    void *p;
    if (size > MEMORY_LARGE) {
        p = take_large(size);
    } else {
        unsigned class = class_of(size, &room);
        p = EVERY_BLOCK_IS_A_MALLOC ? take_large(size) : take_small(m, class, room);
    }
    count(m, room);
    return p;
}

static void give(struct memory *m, void *block, size_t size)
{
    m->used -= memory_room(size);
    if (size > MEMORY_LARGE || EVERY_BLOCK_IS_A_MALLOC)
        free(block);
    else
        give_small(m, block);
}

/* Lua says the old size of each block, which decides where it belongs. Between large sizes it is realloc's. */
static void *resize(struct memory *m, void *block, size_t from, size_t to)
{
    if (from > MEMORY_LARGE && to > MEMORY_LARGE) {
        void *moved = realloc(block, to);
        if (!moved) abort();
        m->used -= from;
        count(m, to);
        return moved;
    }
    if (!EVERY_BLOCK_IS_A_MALLOC && from <= MEMORY_LARGE && to <= MEMORY_LARGE &&
        memory_room(from) == memory_room(to))
        return block;
    void *moved = take(m, to);
    memcpy(moved, block, from < to ? from : to);
    give(m, block, from);
    return moved;
}

void *memory_allocate(void *memory, void *block, size_t from, size_t to)
{
    struct memory *m = memory;
    job_rest_often();
    if (to > MEMORY_HUGE && to > from && refuses(m, block, to)) return NULL;
    if (!block) return to ? take(m, to) : NULL;
    if (to) return resize(m, block, from, to);
    give(m, block, from);
    return NULL;
}

/* --- the whole --------------------------------------------------------------------------------- */

void memory_init(struct memory *m, void (*ask)(struct memory *m))
{
    static_assert(sizeof(struct memory_region) <= CHUNK, "the heads lie in the first chunk");
    *m = (struct memory){.ask = ask};
    memory_set_limit(m, 0);
}

void memory_set_limit(struct memory *m, size_t limit)
{
    m->limit = limit;
    m->mark = limit ? limit : SIZE_MAX;
    m->most = limit && limit < SIZE_MAX / 8 ? limit * 4 + MEMORY_SPARE : SIZE_MAX;
}

void memory_trim(struct memory *m)
{
    if (m->empty) {
        unmap_region(m, m->empty);
        m->empty = NULL;
    }
    for (struct memory_region *r = m->regions; r && r->free; r = r->next) {
        uint64_t idle = r->free & r->dirty;
        r->dirty &= ~idle;
        for (; idle; idle &= idle - 1)
            madvise((uint8_t *)r + (size_t)__builtin_ctzll(idle) * CHUNK, CHUNK, MADV_DONTNEED);
    }
    malloc_trim(0);
}

/* Whatever is left, be it empty or not: nobody has the blocks any more. */
void memory_release(struct memory *m)
{
    while (m->regions) unmap_region(m, m->regions);
    m->empty = NULL;
    memset(m->partial, 0, sizeof m->partial);
    malloc_trim(0);
}
