/* A name is looked for in a few places alone, and all of them are looked at, so a place may become free in the middle of others. Readers
 * in other processes may see a place that is being given to another name: then they count one client too many or too few, for this
 * moment. */
#include "base/presence.h"

#include <assert.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t presence_name(uint8_t kind, const void *bytes, size_t len)
{
    uint64_t name = XXH3_64bits_withSeed(bytes, len, kind);
    return name ? name : 1;
}

static uint32_t place_of(uint64_t name, uint32_t probe)
{
    return ((uint32_t)name + probe) % PRESENCE_PLACES;
}

/* The place of a name, or a free one; PRESENCE_NONE: neither. */
static uint16_t find(const struct presence *p, uint64_t name)
{
    uint16_t free_one = PRESENCE_NONE;
    for (uint32_t i = PRESENCE_PROBES; i-- > 0;) {
        uint32_t at = place_of(name, i);
        if (p->places[at].n == 0)
            free_one = (uint16_t)at;
        else if (p->places[at].name == name)
            return (uint16_t)at;
    }
    return free_one;
}

uint16_t presence_enter(struct presence *p, uint64_t name)
{
    assert(name);
    uint16_t at = find(p, name);
    if (at == PRESENCE_NONE) return at;
    if (p->places[at].n == 0) __atomic_store_n(&p->places[at].name, name, __ATOMIC_RELAXED);
    __atomic_store_n(&p->is_used, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&p->places[at].n, p->places[at].n + 1, __ATOMIC_RELEASE);
    return at;
}

void presence_leave(struct presence *p, uint16_t place)
{
    if (place == PRESENCE_NONE) return;
    assert(place < PRESENCE_PLACES && p->places[place].n > 0);
    __atomic_store_n(&p->places[place].n, p->places[place].n - 1, __ATOMIC_RELEASE);
}

uint64_t presence_count(const struct presence *p, uint64_t name)
{
    if (!__atomic_load_n(&p->is_used, __ATOMIC_RELAXED)) return 0;
    for (uint32_t i = 0; i < PRESENCE_PROBES; i++) {
        uint32_t at = place_of(name, i);
        uint64_t n = __atomic_load_n(&p->places[at].n, __ATOMIC_ACQUIRE);
        if (n > 0 && __atomic_load_n(&p->places[at].name, __ATOMIC_RELAXED) == name) return n;
    }
    return 0;
}

void presence_clear(struct presence *p)
{
    if (!p->is_used) return;
    for (uint32_t i = 0; i < PRESENCE_PLACES; i++) p->places[i].n = 0;
    p->is_used = 0;
}
