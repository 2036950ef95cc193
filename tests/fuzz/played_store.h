/* played_store: a store beside a model of it, played by bytes: operations, time that passes, values that push others out.
 *
 * Used by store_fuzz.c and by tests/unit/store/model_test.c. struct played owns the store and the model; played_end frees both. A broken
 * promise ends the program (check of fuzz.h).
 *
 * The model has every key's bytes. What it has and the store has not was evicted, and the store must have counted that; what the store has
 * must be as in the model.
 */
#ifndef TESTS_FUZZ_PLAYED_STORE_H
#define TESTS_FUZZ_PLAYED_STORE_H

#include "fuzz/fuzz.h"

#include <stdbool.h>

#include "store/store.h"

enum { PLAYED_KEYS = 48, PLAYED_SEEN_EACH = 8 };

struct played_item {
    bool is_there;
    uint8_t *bytes; /* the value */
    size_t len;
    int64_t expires;
    uint64_t cas;
    uint32_t flags;
    uint8_t marks;
    bool is_seen; /* by the walk */
};

struct played {
    struct store *store;
    const uint8_t *at, *end; /* the bytes that decide */
    int64_t now, flush_at;
    uint64_t evictions; /* that the model knows of */
    uint32_t number, ops;
    struct played_item items[PLAYED_KEYS];
};

/* --- bytes that decide ------------------------------------------------------------------------------- */

static inline uint32_t played_byte(struct played *p)
{
    return p->at < p->end ? *p->at++ : 0;
}

/* Mostly short; some of a page, some of half the store, some one too long. */
static inline size_t played_length(struct played *p)
{
    uint64_t most = store_usage(p->store).max_value;
    uint32_t kind = played_byte(p), n = played_byte(p);
    if (kind < 150) return n;
    if (kind < 200) return n * 8;
    if (kind < 230) return (n * 97) % (most + 1);
    if (kind < 250) return most - n % 64;
    return most + n % 3;
}

static inline size_t played_key(uint32_t i, uint8_t *key)
{
    size_t len = i == 0 ? STORE_KEY_MAX : 2 + i * 3 % 60;
    memset(key, 'k', len);
    key[0] = (uint8_t)('A' + i);
    return len;
}

/* --- the model --------------------------------------------------------------------------------------- */

static inline void played_forget(struct played_item *item)
{
    free(item->bytes);
    memset(item, 0, sizeof *item);
}

/* What has expired or was flushed is not there. */
static inline void played_time(struct played *p)
{
    bool flushes = p->flush_at != 0 && p->flush_at <= p->now;
    for (int i = 0; i < PLAYED_KEYS; i++) {
        struct played_item *item = &p->items[i];
        if (item->is_there && (flushes || (item->expires && item->expires <= p->now)))
            played_forget(item);
    }
    if (flushes) p->flush_at = 0;
}

static inline void played_begin_op(struct played *p, struct store_op *op, uint32_t i, uint8_t *key)
{
    store_begin(op, p->store, key, played_key(i, key), p->now);
}

/* The item is what the model has. */
static inline void played_compare(struct store_op *op, const struct store_item *item,
                                  const struct played_item *wanted)
{
    static uint8_t got[1 << 20];
    check(wanted->is_there && store_item_value_len(item) == wanted->len);
    check(store_item_expires(item) == wanted->expires && store_item_cas(item) == wanted->cas);
    check(store_item_flags(item) == wanted->flags);
    check((store_item_marks(item) & ~STORE_EXTENTS) == wanted->marks);
    store_value_read(op, item, 0, got, wanted->len);
    check(wanted->len == 0 || memcmp(got, wanted->bytes, wanted->len) == 0);
}

static inline struct store_item *played_find(struct played *p, struct store_op *op, uint32_t i)
{
    struct store_item *item = store_find(op);
    if (item) played_compare(op, item, &p->items[i]);
    return item;
}

/* --- operations -------------------------------------------------------------------------------------- */

/* Writes the new value: what was there (len `had`), then new bytes. In pieces that the bytes choose. */
static inline void played_fill(struct played *p, struct store_op *op, struct store_item *made,
                               struct played_item *next, size_t had)
{
    size_t piece = 1 + played_byte(p) * 61;
    uint32_t seed = ++p->number * 2654435761u;
    for (size_t i = had; i < next->len; i++) next->bytes[i] = (uint8_t)((seed >> 16) + i * 167);
    for (size_t at = 0; at < next->len; at += piece) {
        size_t n = piece < next->len - at ? piece : next->len - at;
        store_value_write(op, made, at, next->bytes + at, n);
    }
}

/* After store_make: the key's own item may be among those that had to go. */
static inline void played_own(struct played *p, struct store_op *op, uint32_t i)
{
    if (!p->items[i].is_there || store_find(op)) return;
    played_forget(&p->items[i]);
    p->evictions++;
}

static inline void played_set(struct played *p, uint32_t i, bool appends)
{
    uint8_t key[STORE_KEY_MAX];
    struct store_op op;
    played_begin_op(p, &op, i, key);
    struct store_item *old = played_find(p, &op, i);
    size_t had = appends && old ? p->items[i].len : 0;
    struct played_item next = {.is_there = true, .len = had + played_length(p)};
    if (appends && old) store_keep(&op, old);
    struct store_item *made = store_make(&op, next.len);
    bool fits = next.len <= store_usage(p->store).max_value;
    check(made ? fits : !fits || (appends && old));
    if (appends && old) check(store_find(&op) == old);
    played_own(p, &op, i);
    if (made && played_byte(p) < 230) {
        next.bytes = malloc(next.len + 1);
        check(next.bytes);
        if (had) memcpy(next.bytes, p->items[i].bytes, had);
        played_fill(p, &op, made, &next, had);
        next.flags = p->number;
        next.expires = played_byte(p) % 3 ? 0 : p->now + 1 + played_byte(p) % 40;
        store_set_flags(&op, made, next.flags);
        store_set_expires(&op, made, next.expires);
        store_put(&op, made);
        next.cas = store_item_cas(made);
        played_forget(&p->items[i]);
        p->items[i] = next;
    }
    store_end(&op);
}

/* Something about an item that is there. */
static inline void played_alter(struct played *p, uint32_t i, uint32_t what)
{
    uint8_t key[STORE_KEY_MAX];
    struct played_item *model = &p->items[i];
    struct store_op op;
    played_begin_op(p, &op, i, key);
    struct store_item *item = played_find(p, &op, i);
    if (!item) what = 99;
    switch (what) {
    case 0: store_remove(&op, item), played_forget(model); break;
    case 1: store_use(&op, item), model->marks |= STORE_FETCHED; break;
    case 2:
        model->expires = played_byte(p) % 2 ? 0 : p->now + 1 + played_byte(p) % 30;
        store_set_expires(&op, item, model->expires);
        break;
    case 3:
        model->cas = store_next_cas(&op);
        store_set_cas(&op, item, model->cas);
        store_set_marks(&op, item, STORE_STALE, STORE_WON | STORE_FETCHED);
        model->marks = (model->marks & (uint8_t) ~(STORE_WON | STORE_FETCHED)) | STORE_STALE;
        break;
    case 4:
        if (model->len > 0) {
            size_t at = played_byte(p) * 131 % model->len, n = 1 + played_byte(p) % 64;
            if (n > model->len - at) n = model->len - at;
            memset(model->bytes + at, (int)played_byte(p), n);
            store_value_change(&op, item, at, model->bytes + at, n);
        }
        break;
    default: break;
    }
    store_end(&op);
}

static inline void played_walked(void *context, const struct store_item *item)
{
    struct played *p = context;
    struct played_item *model = &p->items[store_item_key(item)[0] - 'A'];
    check(model->is_there && !model->is_seen && store_item_cas(item) == model->cas);
    model->is_seen = true;
}

/* What the store has not any more was evicted, and it counted that. */
static inline void played_walk(struct played *p)
{
    uint64_t cursor = 0;
    do {
        cursor = store_walk(p->store, cursor, p->now, played_walked, p);
    } while (cursor);
    for (int i = 0; i < PLAYED_KEYS; i++) {
        struct played_item *item = &p->items[i];
        if (item->is_there && !item->is_seen) {
            played_forget(item);
            p->evictions++;
        }
        item->is_seen = false;
    }
    check(p->evictions == store_usage(p->store).evictions);
}

static inline void played_flush(struct played *p, int64_t after)
{
    store_flush(p->store, p->now, after);
    p->flush_at = p->now + after;
}

/* One operation, and what must hold after it. */
static inline void played_step(struct played *p)
{
    uint32_t what = played_byte(p), i = played_byte(p) % PLAYED_KEYS;
    played_time(p);
    if (what < 120)
        played_set(p, i, what >= 100);
    else if (what < 220)
        played_alter(p, i, what % 5);
    else if (what < 235)
        p->now += 1 + played_byte(p) % 4;
    else if (what < 250)
        (void)store_crawl(p->store, p->now, 1 + played_byte(p) * 8);
    else
        played_flush(p, what < 253 ? played_byte(p) % 20 : 0);
    played_time(p);
    p->ops++;
    if (store_usage(p->store).size < 1 << 17 || p->ops % PLAYED_SEEN_EACH == 0)
        check(store_is_sane(p->store));
    check(store_usage(p->store).bytes <= store_usage(p->store).size); /* I6 */
    if (store_usage(p->store).evictions != p->evictions || p->ops % PLAYED_SEEN_EACH == 0)
        played_walk(p);
}

/* --- a play ------------------------------------------------------------------------------------------ */

static inline void played_begin(struct played *p, const uint8_t *bytes, size_t len)
{
    static const struct {
        uint32_t size, max_value;
    } sizes[] = {{1 << 16, 1 << 20}, {(1 << 16) + 1000, 3000}, {1 << 19, 10000}, {100007, 1 << 30}};
    *p = (struct played){.at = bytes, .end = bytes + len, .now = 1000};
    uint32_t kind = played_byte(p);
    struct store_settings settings = {.size = sizes[kind % 4].size,
                                      .max_value = sizes[kind % 4].max_value,
                                      .policy = kind & 4 ? STORE_POLICY_LRU : STORE_POLICY_DEFAULT};
    p->store = store_create(&settings);
    check(p->store);
}

/* Takes every item out again: then nothing is in use. */
static inline void played_end(struct played *p)
{
    for (uint32_t i = 0; i < PLAYED_KEYS; i++) {
        uint8_t key[STORE_KEY_MAX];
        struct store_op op;
        played_time(p);
        played_begin_op(p, &op, i, key);
        struct store_item *item = played_find(p, &op, i);
        if (item) store_remove(&op, item);
        store_end(&op);
        played_forget(&p->items[i]);
    }
    check(store_usage(p->store).items == 0 && store_usage(p->store).bytes == 0);
    check(store_is_sane(p->store));
    store_destroy(p->store);
}

static inline void played_all(const uint8_t *bytes, size_t len)
{
    struct played p;
    played_begin(&p, bytes, len);
    while (p.at < p.end) played_step(&p);
    played_end(&p);
}

#endif
