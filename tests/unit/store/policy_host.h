/* policy_host: a shard for tests of the policy: heads of items in a row, which say that they have values.
 *
 * shard_make begins, shard_free ends and asks whether the queues are sane. Items belong to the shard. The functions commit what they did.
 */
#ifndef UNIT_STORE_POLICY_HOST_H
#define UNIT_STORE_POLICY_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "store/policy.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "store/shard.h"
#include "store/undo.h"

enum { ITEMS = 1 << 16, SLOT = 56, KEY_LEN = 20, NOW = 1000 };

static struct store_shard *shard;
static uint64_t room, used;
static uint32_t slots; /* ever taken */
static uint32_t free_slots[ITEMS], free_n;
static int64_t now = NOW;

/* --- a shard of the test ------------------------------------------------------------------------- */

static inline void shard_make(enum store_policy kind, uint64_t bytes)
{
    size_t array = policy_array_bytes(kind, bytes);
    uint64_t array_at = sizeof *shard;
    uint64_t items_at = (array_at + array + 63) / 64 * 64;
    shard = aligned_alloc(64, (items_at + (uint64_t)SLOT * ITEMS + 63) / 64 * 64);
    assert_non_null(shard);
    memset(shard, 0, items_at + (uint64_t)SLOT * ITEMS);
    shard->heap.begin = (uint32_t)(items_at / SHARD_UNIT);
    room = bytes - array;
    used = slots = free_n = 0;
    policy_init(shard, kind, array_at, array, room);
}

static inline void shard_free(void)
{
    assert_true(policy_is_sane(shard));
    assert_int_equal(shard->undo_n, 0);
    free(shard);
}

static inline struct store_item *item_made(uint32_t key, uint32_t value_len, uint32_t expires)
{
    uint32_t slot = free_n ? free_slots[--free_n] : slots++;
    assert_true(slot < ITEMS);
    struct store_item *item = shard_at(shard, shard->heap.begin + slot * (SLOT / SHARD_UNIT));
    memset(item, 0, SLOT);
    item->hash = key * 2654435761u;
    item->flags = key;
    item->value_len = value_len;
    item->links.key_len = KEY_LEN;
    item->expires = expires;
    used += store_item_bytes(item);
    return item;
}

static inline void item_freed(struct store_item *item)
{
    uint32_t offset = (shard_ref(shard, item) - shard->heap.begin) * SHARD_UNIT;
    assert_int_equal(item->links.queue, 0);
    free_slots[free_n++] = offset / SLOT;
    used -= store_item_bytes(item);
}

static inline struct store_item *added(uint32_t key, uint32_t value_len)
{
    struct store_item *item = item_made(key, value_len, 0);
    policy_add(shard, item);
    undo_commit(shard);
    return item;
}

static inline void hit(struct store_item *item, int times)
{
    while (times-- > 0) policy_use(shard, item);
    undo_commit(shard);
}

static inline struct store_item *victim(const struct store_item *keep)
{
    struct store_item *item = NULL;
    for (int i = 0; !item && i <= POLICY_STEPS; i++) {
        item = policy_victim(shard, keep, now);
        undo_commit(shard);
    }
    return item;
}

/* The key of the item that goes. */
static inline uint32_t evicted(void)
{
    struct store_item *item = victim(NULL);
    assert_non_null(item);
    uint32_t key = item->flags;
    policy_evict(shard, item);
    undo_commit(shard);
    item_freed(item);
    return key;
}

static inline uint32_t items_in(uint32_t queue)
{
    return shard->policy.queues[queue].items;
}

#endif
