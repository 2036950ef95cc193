/* Lua's memory: small blocks come from the slab, which is several times faster than LuaJIT's own allocator. Lua says the
 * old size of each block, which decides whose it is. There is no bound for a script yet (I13). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/slab.h"
#include "script/state.h"

enum { SMALL = 1024 }; /* bytes up to which a block is the slab's */

static void *take(size_t size)
{
    return size <= SMALL ? slab_borrow(size) : malloc(size);
}

static void give(void *block, size_t size)
{
    if (size <= SMALL)
        slab_return(block, size);
    else
        free(block);
}

/* Between large sizes it is realloc's. All else moves: the slab's blocks have a fixed size. */
static void *resize(void *block, size_t from, size_t to)
{
    assert(from > 0 && to > 0);
    if (from > SMALL && to > SMALL) return realloc(block, to);
    void *moved = take(to);
    if (!moved) return NULL;
    memcpy(moved, block, from < to ? from : to);
    give(block, from);
    return moved;
}

void *memory_allocate(void *unused, void *block, size_t from, size_t to)
{
    (void)unused;
    if (!block) return to ? take(to) : NULL;
    if (to) return resize(block, from, to);
    give(block, from);
    return NULL;
}
