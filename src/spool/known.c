/* Open addressing, at most half full. Nothing is taken out one by one: what has been replayed is left out when the table grows. */
#include "spool/known.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

void known_clear(struct known *k)
{
    *k->budget += k->n;
    free(k->slots);
    k->slots = NULL;
    k->n = k->used = 0;
}

struct known_slot *known_find(const struct known *k, uint64_t hash)
{
    if (!hash) hash = 1;
    for (uint32_t i = 0; i < KNOWN_STEPS && i < k->n; i++) {
        struct known_slot *slot = &k->slots[(hash + i) & (k->n - 1)];
        if (slot->hash == hash) return slot;
        if (!slot->hash) return NULL;
    }
    return NULL;
}

/* False: there is no room near its place. */
static bool put(struct known *k, const struct known_slot *new)
{
    for (uint32_t i = 0; i < KNOWN_STEPS && i < k->n; i++) {
        struct known_slot *slot = &k->slots[(new->hash + i) & (k->n - 1)];
        if (slot->hash && slot->hash != new->hash) continue;
        k->used += !slot->hash;
        *slot = *new;
        return true;
    }
    return false;
}

static void grow(struct known *k, uint32_t first, uint64_t first_at)
{
    uint32_t n = k->n ? 2 * k->n : KNOWN_FIRST;
    if (n > KNOWN_MOST || n - k->n > *k->budget) return;
    struct known_slot *slots = calloc(n, sizeof *slots);
    if (!slots) return; /* it remembers no more */
    struct known old = *k;
    *k->budget -= n - k->n;
    k->slots = slots;
    k->n = n;
    k->used = 0;
    for (uint32_t i = 0; i < old.n; i++) {
        const struct known_slot *slot = &old.slots[i];
        bool is_done = slot->sequence < first ||
                       (slot->sequence == first && (uint64_t)slot->at * 8 < first_at);
        if (slot->hash && !is_done) (void)put(k, slot);
    }
    free(old.slots);
}

void known_add(struct known *k, uint64_t hash, uint32_t sequence, uint64_t at, uint32_t first,
               uint64_t first_at)
{
    struct known_slot new = {hash ? hash : 1, sequence, (uint32_t)(at / 8)};
    assert(at % 8 == 0);
    if (k->used >= k->n / 2) grow(k, first, first_at);
    if (k->used < k->n / 2 || known_find(k, new.hash)) (void)put(k, &new);
}
