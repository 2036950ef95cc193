/* How a dictionary uses its bytes: buckets first, an array of item numbers, then chunks of 64 bytes, a cache line each.
 *
 * An item is a chain of chunks: a head with the links and as much of key and text as fits, and as many others as the rest takes.
 * Chunks of one size need no allocator: a freed chunk fits every item, so memory does not fragment and the bound is exact (I6).
 * The price is that bytes of a long text are not in one piece; the cursor walks over the joints.
 *
 * Each item stands in two lists: its bucket's chain, to be found, and the list by age, so that the one that was used longest ago
 * can go. A change keeps both lists and the counts right or, if its process dies, leaves is_changing set (see shared.c). */
#include "base/items.h"

#include <assert.h>
#include <string.h>

#include "base/bucket.h"

enum { HEAD_BYTES = 26, MORE_BYTES = 60 };

struct head {
    uint32_t next;         /* the item's next chunk */
    uint32_t chain;        /* the next item in its bucket */
    uint32_t newer, older; /* in the list by age */
    double expires;        /* 0: never */
    union {
        double number;     /* SHARED_NUMBER, SHARED_BOOLEAN */
        uint64_t text_len; /* SHARED_TEXT */
    };
    uint32_t hash;
    uint8_t kind;
    uint8_t key_len;
    uint8_t bytes[HEAD_BYTES]; /* the key, then the text */
};

struct more {
    uint32_t next;
    uint8_t bytes[MORE_BYTES];
};

union chunk {
    struct head head;
    struct more more;
};

_Static_assert(sizeof(struct head) == ITEMS_CHUNK && sizeof(struct more) == ITEMS_CHUNK,
               "chunks fill a line");

/* A multiple of the chunk size, so that chunks begin where cache lines do. */
static size_t bucket_bytes(const struct shared_dict *d)
{
    return (d->buckets_n * sizeof(uint32_t) + ITEMS_CHUNK - 1) / ITEMS_CHUNK * ITEMS_CHUNK;
}

/* One bucket for two chunks, rounded up to a power of two: chains stay short also when all items are small. */
void items_init(struct shared_dict *d)
{
    d->buckets_n = 1;
    while (d->buckets_n < d->size / ITEMS_CHUNK / 2) d->buckets_n *= 2;
    d->chunks_n = (uint32_t)((d->size - bucket_bytes(d)) / ITEMS_CHUNK);
}

/* chunks begins one chunk early, as chunk numbers count from 1. */
struct place items_place(struct shared *s, struct shared_dict *d, struct shared_key key)
{
    char *memory = (char *)(s + 1) + d->at;
    return (struct place){.d = d,
                          .buckets = (uint32_t *)(void *)memory,
                          .chunks = (union chunk *)(void *)(memory + bucket_bytes(d)) - 1,
                          .key = key,
                          .hash = bucket_hash(key.bytes, key.len)};
}

/* --- changes ----------------------------------------------------------------------------------- */

/* Every change is between these two, so that the next holder of the lock knows if a process died in the middle. The fence keeps
 * the stores of the change behind the mark, and the release keeps them before its end. */
static void change_begin(struct shared_dict *d)
{
    assert(!d->is_changing);
    __atomic_store_n(&d->is_changing, true, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void change_end(struct shared_dict *d)
{
    assert(d->is_changing);
    __atomic_store_n(&d->is_changing, false, __ATOMIC_RELEASE);
}

/* Only the buckets need to be cleared: a chunk that nothing leads to is free, whatever it holds. */
bool items_recover(const struct place *p)
{
    struct shared_dict *d = p->d;
    if (!__atomic_load_n(&d->is_changing, __ATOMIC_ACQUIRE)) return false;
    memset(p->buckets, 0, bucket_bytes(d));
    d->unused = d->begun = d->used = d->items = d->newest = d->oldest = 0;
    d->losses++;
    change_end(d);
    return true;
}

size_t items_bytes(const struct place *p)
{
    return bucket_bytes(p->d) + (size_t)p->d->begun * ITEMS_CHUNK;
}

/* Chunk numbers mean the same in both. */
void items_copy(struct shared *to, struct shared_dict *d, const struct place *from)
{
    const struct shared_dict *f = from->d;
    assert(d->size == f->size && d->at == f->at && d->items == 0);
    struct place p = items_place(to, d, (struct shared_key){"", 0});
    memcpy(p.buckets, from->buckets, items_bytes(from));
    d->unused = f->unused;
    d->begun = f->begun;
    d->used = f->used;
    d->items = f->items;
    d->newest = f->newest;
    d->oldest = f->oldest;
}

/* --- bytes of an item -------------------------------------------------------------------------- */

/* A place in the bytes of an item. */
struct cursor {
    union chunk *chunks;
    uint8_t *at;
    size_t left; /* until the chunk's end */
    uint32_t next;
};

/* The first byte of the item's key; the text follows behind it. */
static struct cursor cursor_at(const struct place *p, uint32_t item)
{
    struct head *head = &p->chunks[item].head;
    return (struct cursor){p->chunks, head->bytes, HEAD_BYTES, head->next};
}

/* The next piece of at most n bytes, all in one chunk. */
static size_t cursor_take(struct cursor *c, size_t n, uint8_t **piece)
{
    if (c->left == 0) {
        assert(c->next); /* the item has as many chunks as its lengths say */
        struct more *more = &c->chunks[c->next].more;
        *c = (struct cursor){c->chunks, more->bytes, MORE_BYTES, more->next};
    }
    size_t len = n < c->left ? n : c->left;
    *piece = c->at;
    c->at += len;
    c->left -= len;
    return len;
}

static void cursor_write(struct cursor *c, const char *from, size_t n)
{
    uint8_t *piece;
    for (size_t len; n > 0; from += len, n -= len) {
        len = cursor_take(c, n, &piece);
        memcpy(piece, from, len);
    }
}

static void cursor_read(struct cursor *c, char *to, size_t n)
{
    uint8_t *piece;
    for (size_t len; n > 0; to += len, n -= len) {
        len = cursor_take(c, n, &piece);
        memcpy(to, piece, len);
    }
}

static bool cursor_equals(struct cursor *c, const char *bytes, size_t n)
{
    uint8_t *piece;
    for (size_t len; n > 0; bytes += len, n -= len) {
        len = cursor_take(c, n, &piece);
        if (memcmp(piece, bytes, len) != 0) return false;
    }
    return true;
}

static uint32_t chunks_for(size_t bytes)
{
    if (bytes <= HEAD_BYTES) return 1;
    return 1 + (uint32_t)((bytes - HEAD_BYTES + MORE_BYTES - 1) / MORE_BYTES);
}

static size_t item_bytes(const struct head *head)
{
    return head->key_len + (head->kind == SHARED_TEXT ? (size_t)head->text_len : 0);
}

/* --- items ------------------------------------------------------------------------------------- */

static uint32_t *bucket_of(const struct place *p, uint32_t hash)
{
    return &p->buckets[hash & (p->d->buckets_n - 1)];
}

static void age_unlink(const struct place *p, uint32_t item)
{
    assert(item && item <= p->d->begun);
    const struct head *head = &p->chunks[item].head;
    *(head->newer ? &p->chunks[head->newer].head.older : &p->d->newest) = head->older;
    *(head->older ? &p->chunks[head->older].head.newer : &p->d->oldest) = head->newer;
}

/* Makes the item the newest one. */
static void age_link(const struct place *p, uint32_t item)
{
    struct head *head = &p->chunks[item].head;
    head->newer = 0;
    head->older = p->d->newest;
    *(head->older ? &p->chunks[head->older].head.newer : &p->d->oldest) = item;
    p->d->newest = item;
}

/* A key that is read again and again is the newest already, and costs nothing here. */
void items_touch(const struct place *p, uint32_t item)
{
    if (p->d->newest == item) return;
    change_begin(p->d);
    age_unlink(p, item);
    age_link(p, item);
    change_end(p->d);
}

/* Puts the n chunks of a dropped item in front of the freed ones. */
static void chunks_give(const struct place *p, uint32_t first, uint32_t n)
{
    uint32_t last = first;
    for (uint32_t i = 1; i < n; i++) last = p->chunks[last].more.next;
    p->chunks[last].more.next = p->d->unused;
    p->d->unused = first;
    p->d->used -= n;
}

/* Takes an item out of both lists and frees its chunks; within a change. */
static void item_drop(const struct place *p, uint32_t item)
{
    assert(item && p->d->is_changing && p->d->items > 0);
    struct head *head = &p->chunks[item].head;
    uint32_t *link = bucket_of(p, head->hash);
    while (*link != item) link = &p->chunks[*link].head.chain;
    *link = head->chain;
    age_unlink(p, item);
    p->d->items--;
    chunks_give(p, item, chunks_for(item_bytes(head)));
}

/* A freed chunk before a fresh one: fresh ones cost memory that the kernel has not given yet. */
static uint32_t chunk_take(const struct place *p)
{
    struct shared_dict *d = p->d;
    uint32_t chunk = d->unused;
    if (chunk)
        d->unused = p->chunks[chunk].more.next;
    else
        chunk = ++d->begun;
    d->used++;
    assert(d->begun <= d->chunks_n && d->used <= d->chunks_n); /* I6 */
    return chunk;
}

/* A chain of n chunks, where n is at most half of all. The oldest items make room. */
static uint32_t chunks_take(const struct place *p, uint32_t n)
{
    uint32_t first = 0;
    while (p->d->chunks_n - p->d->used < n) {
        item_drop(p, p->d->oldest);
        p->d->evictions++;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t chunk = chunk_take(p);
        p->chunks[chunk].more.next = first;
        first = chunk;
    }
    return first;
}

void items_remove(const struct place *p, uint32_t item)
{
    change_begin(p->d);
    item_drop(p, item);
    change_end(p->d);
}

/* Expired items are removed when a lookup finds them. Others stay until they are the oldest: no process has to look for them. */
uint32_t items_find(const struct place *p, double now)
{
    uint32_t item = *bucket_of(p, p->hash);
    for (; item; item = p->chunks[item].head.chain) {
        const struct head *head = &p->chunks[item].head;
        if (head->hash != p->hash || head->key_len != p->key.len) continue;
        struct cursor c = cursor_at(p, item);
        if (cursor_equals(&c, p->key.bytes, p->key.len)) break;
    }
    if (!item || p->chunks[item].head.expires == 0 || p->chunks[item].head.expires > now)
        return item;
    items_remove(p, item);
    return 0;
}

/* Makes an item that is not yet there; within a change. */
static void item_create(const struct place *p, const struct shared_value *value, double expires)
{
    size_t text_len = value->kind == SHARED_TEXT ? value->text_len : 0;
    uint32_t item = chunks_take(p, chunks_for(p->key.len + text_len));
    struct head *head = &p->chunks[item].head;
    uint32_t *bucket = bucket_of(p, p->hash);
    head->chain = *bucket;
    head->expires = expires;
    head->hash = p->hash;
    head->kind = (uint8_t)value->kind;
    head->key_len = (uint8_t)p->key.len;
    if (value->kind == SHARED_TEXT)
        head->text_len = text_len;
    else
        head->number = value->number;
    struct cursor c = cursor_at(p, item);
    cursor_write(&c, p->key.bytes, p->key.len);
    cursor_write(&c, value->text, text_len);
    *bucket = item;
    age_link(p, item);
    p->d->items++;
}

/* Half of all chunks at most, so that one value never empties the whole dictionary, and chunks_take always ends. */
static bool fits(const struct place *p, const struct shared_value *value)
{
    size_t text_len = value->kind == SHARED_TEXT ? value->text_len : 0;
    return text_len <= SHARED_TEXT_MAX && chunks_for(p->key.len + text_len) <= p->d->chunks_n / 2;
}

/* What does not fit changes nothing: the old item stays. */
enum shared_status items_put(const struct place *p, uint32_t old, const struct shared_value *value,
                             double expires)
{
    if (!fits(p, value)) return SHARED_TOO_LARGE;
    change_begin(p->d);
    if (old) item_drop(p, old);
    item_create(p, value, expires);
    change_end(p->d);
    return SHARED_OK;
}

/* --- values ------------------------------------------------------------------------------------ */

void items_value(const struct place *p, uint32_t item, struct shared_value *value, char *text)
{
    const struct head *head = &p->chunks[item].head;
    value->kind = head->kind;
    if (head->kind != SHARED_TEXT) {
        value->number = head->number;
        return;
    }
    struct cursor c = cursor_at(p, item);
    cursor_read(&c, text, head->key_len); /* skips the key, which the text then overwrites */
    cursor_read(&c, text, (size_t)head->text_len);
    value->text = text;
    value->text_len = (uint32_t)head->text_len;
}

/* One store of 8 bytes, which is done or not done when the process dies: not a change. */
bool items_add(const struct place *p, uint32_t item, double *number)
{
    struct head *head = &p->chunks[item].head;
    if (head->kind != SHARED_NUMBER) return false;
    head->number += *number;
    *number = head->number;
    return true;
}

double items_expiry(const struct place *p, uint32_t item)
{
    return p->chunks[item].head.expires;
}

/* --- for tests --------------------------------------------------------------------------------- */

/* Counts the items by age, and their chunks. False when the links disagree. */
static bool count_ages(const struct place *p, uint32_t *items, uint32_t *used)
{
    uint32_t newer = 0;
    for (uint32_t item = p->d->newest; item; newer = item, item = p->chunks[item].head.older) {
        const struct head *head = &p->chunks[item].head;
        if (item > p->d->begun || head->newer != newer || ++*items > p->d->items) return false;
        *used += chunks_for(item_bytes(head));
    }
    return newer == p->d->oldest;
}

static bool count_chains(const struct place *p, uint32_t *items)
{
    for (uint32_t i = 0; i < p->d->buckets_n; i++) {
        for (uint32_t item = p->buckets[i]; item; item = p->chunks[item].head.chain) {
            bool here = bucket_of(p, p->chunks[item].head.hash) == &p->buckets[i];
            if (!here || ++*items > p->d->items) return false;
        }
    }
    return true;
}

bool items_are_sane(const struct place *p)
{
    const struct shared_dict *d = p->d;
    uint32_t aged = 0, chained = 0, used = 0, unused = 0;
    bool sane = count_ages(p, &aged, &used) && count_chains(p, &chained);
    for (uint32_t chunk = d->unused; chunk && unused <= d->begun; unused++)
        chunk = p->chunks[chunk].more.next;
    return sane && aged == d->items && chained == d->items && used == d->used &&
           used + unused == d->begun && d->begun <= d->chunks_n && !d->is_changing;
}
