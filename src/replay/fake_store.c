/* A hash table of chains, and a list by use. Each item is one piece of memory.
 *
 * What counts as its size is what it takes here: its head, key and value, and what malloc adds. memcached's own items are a little smaller,
 * and its slabs waste about as much. The table counts, too: a place for each item at most.
 *
 * What has expired goes when it is looked for, or when it is the one that was not used for the longest time, as any other. */
#include "replay/fake_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "placement/hash.h"

enum { TABLE_FIRST = 256, MALLOC_ADDS = 16 };

static const int64_t THIRTY_DAYS = 60 * 60 * 24 * 30;

static uint64_t size_of(size_t key_len, size_t value_len)
{
    uint64_t size = sizeof(struct fake_item) + key_len + value_len + sizeof(struct fake_item *);
    return (size + MALLOC_ADDS + MALLOC_ADDS - 1) / MALLOC_ADDS * MALLOC_ADDS;
}

static uint64_t hash_of(const void *key, size_t len)
{
    return hash_bytes64(HASH_XXH3, key, len, 0);
}

struct fake_store *fake_store_create(uint64_t limit)
{
    struct fake_store *s = calloc(1, sizeof *s);
    if (!s) abort();
    s->limit = limit;
    s->table_n = TABLE_FIRST;
    s->table = calloc(s->table_n, sizeof(struct fake_item *));
    if (!s->table) abort();
    return s;
}

void fake_store_destroy(struct fake_store *s)
{
    while (s->newest) fake_store_remove(s, s->newest);
    assert(s->items == 0 && s->bytes == 0);
    free(s->table);
    free(s);
}

/* --- the list by use ----------------------------------------------------------------------------- */

static void list_in(struct fake_store *s, struct fake_item *item)
{
    item->newer = NULL;
    item->older = s->newest;
    if (s->newest)
        s->newest->newer = item;
    else
        s->oldest = item;
    s->newest = item;
}

static void list_out(struct fake_store *s, struct fake_item *item)
{
    *(item->newer ? &item->newer->older : &s->newest) = item->older;
    *(item->older ? &item->older->newer : &s->oldest) = item->newer;
}

void fake_store_use(struct fake_store *s, struct fake_item *item)
{
    item->used = s->now;
    item->marks |= FAKE_FETCHED;
    if (s->newest == item) return;
    list_out(s, item);
    list_in(s, item);
}

/* --- the table ----------------------------------------------------------------------------------- */

static struct fake_item **place_of(const struct fake_store *s, uint64_t hash)
{
    return &s->table[hash & (s->table_n - 1)];
}

static void grow(struct fake_store *s)
{
    struct fake_item **old = s->table;
    uint64_t old_n = s->table_n;
    s->table_n *= 2;
    s->table = calloc(s->table_n, sizeof(struct fake_item *));
    if (!s->table) abort();
    for (uint64_t i = 0; i < old_n; i++) {
        for (struct fake_item *item = old[i], *next; item; item = next) {
            struct fake_item **place = place_of(s, item->hash);
            next = item->next;
            item->next = *place;
            *place = item;
        }
    }
    free(old);
}

void fake_store_remove(struct fake_store *s, struct fake_item *item)
{
    struct fake_item **at = place_of(s, item->hash);
    uint64_t size = size_of(item->key_len, item->value_len);
    while (*at != item) at = &(*at)->next;
    *at = item->next;
    list_out(s, item);
    assert(s->items > 0 && s->bytes >= size);
    s->items--;
    s->bytes -= size;
    free(item);
}

static void flush_now(struct fake_store *s, int64_t before)
{
    for (struct fake_item *item = s->newest, *older; item; item = older) {
        older = item->older;
        if (item->stored < before) fake_store_remove(s, item);
    }
}

static void flush_due(struct fake_store *s)
{
    if (s->flush_at == 0 || s->now < s->flush_at) return;
    flush_now(s, s->flush_at);
    s->flush_at = 0;
}

/* Neither expired nor flushed. */
static struct fake_item *find(struct fake_store *s, const void *key, size_t len, uint64_t hash)
{
    flush_due(s);
    struct fake_item *item = *place_of(s, hash);
    while (item &&
           (item->hash != hash || item->key_len != len || memcmp(item->bytes, key, len) != 0))
        item = item->next;
    if (!item || item->expires == 0 || item->expires > s->now) return item;
    s->expired++;
    fake_store_remove(s, item);
    return NULL;
}

struct fake_item *fake_store_find(struct fake_store *s, const void *key, size_t len)
{
    return find(s, key, len, hash_of(key, len));
}

/* --- changes --------------------------------------------------------------------------------------- */

/* Makes room for so many bytes. False: there can be none. */
static bool make_room(struct fake_store *s, uint64_t size)
{
    if (size > s->limit) return false;
    while (s->bytes + size > s->limit) {
        assert(s->oldest);
        s->evictions += s->oldest->expires == 0 || s->oldest->expires > s->now;
        fake_store_remove(s, s->oldest);
    }
    return true;
}

struct fake_item *fake_store_put(struct fake_store *s, const void *key, size_t len,
                                 size_t value_len)
{
    uint64_t hash = hash_of(key, len), size = size_of(len, value_len);
    struct fake_item *item = find(s, key, len, hash);
    assert(len <= UINT16_MAX && value_len <= UINT32_MAX);
    if (item) fake_store_remove(s, item);
    if (!make_room(s, size)) return NULL;
    item = malloc(sizeof *item + len + value_len);
    if (!item) abort();
    *item = (struct fake_item){.hash = hash,
                               .cas = ++s->cas,
                               .stored = s->now,
                               .used = s->now,
                               .value_len = (uint32_t)value_len,
                               .key_len = (uint16_t)len};
    memcpy(item->bytes, key, len);
    if (s->items >= s->table_n) grow(s);
    struct fake_item **place = place_of(s, hash);
    item->next = *place;
    *place = item;
    list_in(s, item);
    s->items++;
    s->bytes += size;
    return item;
}

void fake_store_flush(struct fake_store *s, int64_t after)
{
    if (after > 0) {
        s->flush_at = s->now + after;
        return;
    }
    s->flush_at = 0;
    flush_now(s, INT64_MAX);
}

int64_t fake_store_expiry(const struct fake_store *s, int64_t asked)
{
    int64_t exptime = (int32_t)(uint32_t)(uint64_t)asked; /* as older versions read it */
    if (exptime == 0) return 0;
    if (exptime < 0) return 1; /* long ago */
    return exptime > THIRTY_DAYS ? exptime : s->now + exptime;
}
