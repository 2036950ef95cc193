/* witness: items that say whether they are whole, for tests in which processes die while they change a store.
 *
 * An item's value follows from its key and a number; only a count in it, written twice, changes in place. So a value that was written in
 * part, or a count that is not the same twice, is noticed. Owns nothing but the memory that shared_memory maps, which lives as long as the
 * process.
 */
#ifndef UNIT_STORE_WITNESS_H
#define UNIT_STORE_WITNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "store/shard.h"
#include "store/store.h"

enum { WITNESS_KEYS = 60, WITNESS_LEAST = 16, WITNESS_MOST = 1 << 16, WITNESS_NOW = 1000 };

/* What a value begins with. */
struct witness {
    uint64_t number;
    uint32_t count, count_again;
};

/* What is known of a key's item: all that a test compares. */
struct witness_state {
    uint64_t number; /* 0: there is none */
    uint32_t count;
    bool is_torn;
};

/* Zero, and shared with children. */
static inline void *shared_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static inline size_t witness_key(uint32_t i, uint8_t *key)
{
    size_t len = 5 + i * 7 % 90;
    memset(key, 'x', len);
    key[0] = (uint8_t)('0' + i);
    return len;
}

static inline size_t witness_length(uint64_t number, size_t most)
{
    uint64_t mixed = number * 0x9e3779b97f4a7c15u;
    size_t n = mixed >> 60 < 10 ? mixed >> 40 & 127
                                : (mixed >> 60 < 14 ? mixed >> 40 & 4095 : mixed >> 40 & 16383);
    return n < WITNESS_LEAST ? WITNESS_LEAST : n > most ? most : n;
}

static inline void witness_fill(uint32_t key, uint64_t number, uint8_t *value, size_t len)
{
    struct witness head = {.number = number};
    uint32_t seed = (uint32_t)number * 2654435761u + key;
    for (size_t i = sizeof head; i < len; i++) value[i] = (uint8_t)((seed >> 13) + i * 41);
    memcpy(value, &head, sizeof head);
}

static inline void witness_begin(struct store_op *op, struct store *s, uint32_t i, uint8_t *key)
{
    store_begin(op, s, key, witness_key(i, key), WITNESS_NOW);
}

static inline struct witness_state witness_look(struct store_op *op, struct store_item *item,
                                                uint32_t i, size_t most)
{
    static uint8_t got[WITNESS_MOST], wanted[WITNESS_MOST];
    struct witness head;
    size_t len = store_item_value_len(item);
    if (len < sizeof head || len > sizeof got) return (struct witness_state){.is_torn = true};
    store_value_read(op, item, 0, got, len);
    memcpy(&head, got, sizeof head);
    witness_fill(i, head.number, wanted, len);
    bool is_whole = head.count == head.count_again && len == witness_length(head.number, most) &&
                    memcmp(got + sizeof head, wanted + sizeof head, len - sizeof head) == 0 &&
                    store_item_flags(item) == (uint32_t)head.number;
    return (struct witness_state){head.number, head.count, !is_whole};
}

/* What the store has for the key. */
static inline struct witness_state witness_state(struct store *s, uint32_t i, size_t most)
{
    uint8_t key[STORE_KEY_MAX];
    struct witness_state state = {0};
    struct store_op op;
    witness_begin(&op, s, i, key);
    struct store_item *item = store_find(&op);
    if (item) state = witness_look(&op, item, i, most);
    store_end(&op);
    return state;
}

/* The operations. `value` is filled already, for that number. */
static inline void witness_set(struct store *s, uint32_t i, uint64_t number, const uint8_t *value,
                               size_t len)
{
    uint8_t key[STORE_KEY_MAX];
    struct store_op op;
    witness_begin(&op, s, i, key);
    struct store_item *made = store_make(&op, len);
    if (made) {
        store_value_write(&op, made, 0, value, len);
        store_set_flags(&op, made, (uint32_t)number);
        store_set_expires(&op, made, number % 3 ? 0 : WITNESS_NOW + 1 + (int64_t)(number % 100));
        store_put(&op, made);
    }
    store_end(&op);
}

/* Counts in place. */
static inline void witness_count(struct store *s, uint32_t i)
{
    uint8_t key[STORE_KEY_MAX];
    struct store_op op;
    witness_begin(&op, s, i, key);
    struct store_item *item = store_find(&op);
    if (item) {
        struct witness head;
        store_value_read(&op, item, 0, &head, sizeof head);
        head.count_again = ++head.count;
        store_value_change(&op, item, sizeof head.number, &head.count, 2 * sizeof head.count);
        store_set_cas(&op, item, store_next_cas(&op));
        store_set_expires(&op, item, head.count % 2 ? 0 : WITNESS_NOW + 100);
        store_set_marks(&op, item, head.count % 2 ? STORE_STALE : 0, STORE_WON);
    }
    store_end(&op);
}

/* Removes it, or uses it. */
static inline void witness_take(struct store *s, uint32_t i, bool removes)
{
    uint8_t key[STORE_KEY_MAX];
    struct store_op op;
    witness_begin(&op, s, i, key);
    struct store_item *item = store_find(&op);
    if (item && removes) store_remove(&op, item);
    if (item && !removes) store_use(&op, item);
    store_end(&op);
}

/* Makes an item and lets it be. */
static inline void witness_make(struct store *s, uint32_t i, size_t len)
{
    uint8_t key[STORE_KEY_MAX];
    struct store_op op;
    witness_begin(&op, s, i, key);
    (void)store_make(&op, len);
    store_end(&op);
}

#endif
