/* A set of hashes with open places, at most half full. */
#include <stdlib.h>

#include "replay/engine.h"

enum { ROOM_FIRST = 1024 };

static uint64_t *place_of(uint64_t *slots, uint64_t room, uint64_t hash)
{
    uint64_t i = hash & (room - 1);
    while (slots[i] && slots[i] != hash) i = (i + 1) & (room - 1);
    return &slots[i];
}

static void grow(struct seen_keys *s)
{
    uint64_t room = s->room ? s->room * 2 : ROOM_FIRST;
    uint64_t *slots = calloc(room, sizeof *slots);
    if (!slots) abort();
    for (uint64_t i = 0; i < s->room; i++)
        if (s->slots[i]) *place_of(slots, room, s->slots[i]) = s->slots[i];
    free(s->slots);
    s->slots = slots;
    s->room = room;
}

enum seen_word seen_note(struct seen_keys *s, uint64_t hash)
{
    if (hash == 0) hash = 1;
    if (s->n * 2 >= s->room && s->room < 2ull * SEEN_MOST) grow(s);
    uint64_t *slot = place_of(s->slots, s->room, hash);
    if (*slot) return SEEN_BEFORE;
    if (s->n >= SEEN_MOST) return SEEN_FULL;
    *slot = hash;
    s->n++;
    return SEEN_NEW;
}

void seen_release(struct seen_keys *s)
{
    free(s->slots);
    *s = (struct seen_keys){.slots = NULL};
}

/* --- batches ------------------------------------------------------------------------------------------ */

enum { BATCH_BYTES = 4 * 1024 * 1024, BATCH_KEYS = BATCH_PLACES / 4 };

void batch_clear(struct batch *b)
{
    b->n = b->keys = 0;
    b->bytes = 0;
    b->is_closed = false;
    b->stamp++;
}

static struct batch_place *find(struct batch *b, uint64_t hash)
{
    uint64_t i = hash % BATCH_PLACES;
    while (b->places[i].stamp == b->stamp && b->places[i].hash != hash) i = (i + 1) % BATCH_PLACES;
    return &b->places[i];
}

static bool may_change(const struct asked *a)
{
    return a->changes || a->refills;
}

static bool fits(struct batch *b, const struct asked *a)
{
    if (b->is_closed || b->n == BATCH_MOST || b->bytes + a->len > BATCH_BYTES ||
        b->keys + a->keys_n > BATCH_KEYS || a->keys_n == 0)
        return false;
    for (uint32_t i = 0; i < a->keys_n; i++) {
        const struct batch_place *place = find(b, a->keys[i].hash);
        if (place->stamp == b->stamp && (place->changes || may_change(a))) return false;
    }
    return true;
}

bool batch_add(struct batch *b, struct asked *a)
{
    if (b->n > 0 && !fits(b, a)) return false;
    b->of[b->n++] = a;
    b->bytes += a->len;
    b->is_closed = a->keys_n == 0 || a->keys_n > BATCH_KEYS;
    for (uint32_t i = 0; i < a->keys_n && !b->is_closed; i++) {
        struct batch_place *place = find(b, a->keys[i].hash);
        bool is_new = place->stamp != b->stamp;
        b->keys += is_new;
        *place = (struct batch_place){.hash = a->keys[i].hash,
                                      .stamp = b->stamp,
                                      .changes = may_change(a) || (!is_new && place->changes)};
    }
    return true;
}
