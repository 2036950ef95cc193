/* memory: what one script takes: Lua's blocks, and what C holds for it; counted together, and bounded.
 *
 * A script owns one. memory_release, after lua_close, gives all of it back to the system. Small blocks lie in chunks of 64 KiB, each for
 * one size, in regions of 4 MiB that are the script's alone: so the memory of a script that has ended, or has freed much, does
 * not stay with the process. Of Lua it has only the form of its allocator.
 */
#ifndef MOONGATE_SCRIPT_MEMORY_H
#define MOONGATE_SCRIPT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* MEMORY_LARGE: bytes above which a block is malloc's. MEMORY_HUGE: above which one can be refused. A refusal is an error that Lua
 * raises in the middle of its own work. Strings and tables are the only blocks of that size, and LuaJIT is prepared for it
 * there; below are stacks, whose growth in compiled code it is not prepared to be refused. */
enum {
    MEMORY_CLASSES = 85,
    MEMORY_LARGE = 32 * 1024,
    MEMORY_HUGE = 1024 * 1024,
    MEMORY_SPARE = 64 * 1024 * 1024 /* see memory.most */
};

struct memory_chunk;
struct memory_region;

/* Invariant: `used` is the sum of all blocks, by the sizes that they really take, and of what C holds. */
struct memory {
    size_t used;
    size_t held;  /* of them, by C */
    size_t limit; /* --script-memory; 0: none */
    size_t mark;  /* `used` above it: is_asked */
    size_t most;  /* `used` above it ends the process: four times the limit and MEMORY_SPARE */
    void (*ask)(struct memory *m); /* called with is_asked, in the middle of an allocation */
    bool is_asked;                 /* the script is to look: memory is short, or will be */
    bool may_refuse;  /* a protected call of Lua runs: huge blocks above the limit are refused */
    uint64_t refused; /* blocks, and what C would not hold */
    struct memory_chunk *partial[MEMORY_CLASSES]; /* lists of chunks with room */
    struct memory_region *regions; /* a list; those with a free chunk come before those without */
    struct memory_region *last;
    struct memory_region *empty; /* one of them that is all free is kept */
};

/* Without a limit. `ask` may use neither the memory nor Lua's stack. */
void memory_init(struct memory *m, void (*ask)(struct memory *m));

/* Returns what is free to the system. All blocks have been freed. */
void memory_release(struct memory *m);

/* Sets the limit, 0: none, and the mark to it. */
void memory_set_limit(struct memory *m, size_t limit);

/* A lua_Alloc; `memory` is the struct. */
void *memory_allocate(void *memory, void *block, size_t from, size_t to);

/* Counts what C takes for the script, and what it frees. */
void memory_hold(struct memory *m, size_t bytes);
void memory_give(struct memory *m, size_t bytes);

/* True when so many bytes more would be above the limit and a quarter of it. */
bool memory_lacks(const struct memory *m, size_t bytes);

/* Returns free pages to the system, those of malloc, too. Takes a time that grows with what is free. */
void memory_trim(struct memory *m);

/* The size that a block of so many bytes really takes. */
size_t memory_room(size_t size);

#endif
