#include "base/arena.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

static bool arena_sane(const struct arena *a)
{
    return a->bytes && a->used <= a->cap;
}

void arena_init(struct arena *a, size_t cap)
{
    *a = (struct arena){.cap = cap};
    a->bytes = malloc(cap);
    if (!a->bytes) abort();
}

void arena_release(struct arena *a)
{
    arena_reset(a);
    free(a->bytes);
    *a = (struct arena){0};
}

uint8_t *arena_alloc(struct arena *a, size_t n)
{
    assert(arena_sane(a));
    if (n > arena_room(a)) {
        struct blob *blob = blob_create(n);
        arena_adopt(a, blob);
        return blob->bytes;
    }
    uint8_t *p = a->bytes + a->used;
    a->used += n;
    return p;
}

void arena_trim(struct arena *a, const uint8_t *end_of_allocation, size_t n)
{
    assert(arena_sane(a));
    if (end_of_allocation == a->bytes + a->used) a->used -= n;
}

void arena_adopt(struct arena *a, struct blob *blob)
{
    assert(!blob->next);
    blob->next = a->adopted;
    a->adopted = blob;
}

void arena_reset(struct arena *a)
{
    assert(arena_sane(a));
    while (a->adopted) {
        struct blob *blob = a->adopted;
        a->adopted = blob->next;
        blob->next = NULL;
        blob_give(blob);
    }
    a->used = 0;
}
