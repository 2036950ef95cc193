/* The script's table of functions that wait: Lua names one by its place here and a serial number. And what each of them counts for as
 * memory of the script. */
#include <assert.h>
#include <stdlib.h>

#include "script/state.h"

enum { NO_SLOT = UINT32_MAX };

/* A place that is free again has the next serial number, and is used first: it is in the cache. */
uint32_t asyncs_take(struct asyncs *all, struct async *a)
{
    assert(all->used < ASYNC_MOST);
    if (all->n == 0) all->first_free = NO_SLOT;
    if (all->first_free == NO_SLOT) {
        if (all->n == all->room) {
            all->room = all->room ? all->room * 2 : 64;
            all->slots = reallocarray(all->slots, all->room, sizeof *all->slots);
            if (!all->slots) abort();
        }
        all->slots[all->n] = (struct async_slot){.next_free = NO_SLOT};
        all->first_free = all->n++;
    }
    uint32_t at = all->first_free;
    all->first_free = all->slots[at].next_free;
    all->slots[at].async = a;
    all->used++;
    return at;
}

/* The serial number grows when a place becomes free. It has 32 bits: a handle would be mistaken for a later one only if a
 * script kept it while 2^32 functions waited at that place. */
void asyncs_give(struct asyncs *all, uint32_t at)
{
    assert(all->used > 0 && all->slots[at].async);
    all->slots[at] =
        (struct async_slot){.serial = all->slots[at].serial + 1, .next_free = all->first_free};
    all->first_free = at;
    all->used--;
}

/* at and serial come from Lua, and may be of one that is long over. */
struct async *async_find(const struct script *s, uint32_t at, uint32_t serial)
{
    if (at >= s->asyncs.n || s->asyncs.slots[at].serial != serial) return NULL;
    struct async *a = s->asyncs.slots[at].async;
    return a && !a->is_decided ? a : NULL;
}

/* Each function that waits has a flow, and each flow a reference to the generation: so a script that ends has none left. */
void asyncs_release(struct asyncs *all)
{
    assert(all->used == 0);
    free(all->slots);
    *all = (struct asyncs){0};
}

/* --- memory ------------------------------------------------------------------------------------ */

void async_charge(struct async *a, size_t bytes)
{
    a->charged += bytes;
    memory_hold(&a->script->memory.of, bytes);
}

void async_holds(struct async *a, size_t bytes)
{
    a->held += bytes;
    async_charge(a, bytes);
}

void async_sends_copy(struct async *a, uint32_t number, uint32_t bytes)
{
    struct async_call *call = &a->calls[number];
    a->charged -= call->copy;
    memory_give(&a->script->memory.of, call->copy);
    call->copy = bytes;
    async_charge(a, bytes);
}

/* One value of the largest size fits on top of the limit, so that any request can be rewritten. */
size_t async_held_most(const struct script *s)
{
    return s->host.turn->limits.function_bytes + s->host.max_value;
}
