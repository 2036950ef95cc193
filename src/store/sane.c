/* All invariants of a store, for tests: what the heap has in use is what the items have, and each item can be found and can go. */
#include <string.h>

#include "store/shard.h"

/* The extents hold the value, and the last one is needed. Counts them. */
static bool extents_are_sane(struct store_shard *shard, struct store_item *item, uint64_t *blocks)
{
    uint64_t left = item->value_len;
    for (uint32_t at = *item_extents(item); at; at = shard_item(shard, at)->next) {
        if (left == 0 || at < shard->heap.begin || at >= shard->heap.end) return false;
        uint64_t room = heap_room(shard, at) - sizeof(uint32_t);
        left -= room < left ? room : left;
        ++*blocks;
    }
    return left == 0;
}

static bool item_is_sane(struct store_shard *shard, struct store_item *item, uint64_t *blocks)
{
    uint32_t ref = shard_ref(shard, item);
    if (ref < shard->heap.begin || ref >= shard->heap.end) return false;
    ++*blocks;
    if (item->expires && item->expires < shard->soonest) return false;
    uint64_t room = heap_room(shard, ref) + sizeof(uint32_t), len = item->links.key_len;
    if (len == 0 || len > STORE_KEY_MAX) return false;
    if (item->links.marks & STORE_EXTENTS) return extents_are_sane(shard, item, blocks);
    return STORE_ITEM_HEAD + len + item->value_len <= room;
}

static bool items_are_sane(struct store_shard *shard, uint64_t *blocks)
{
    const uint32_t *buckets = shard_at(shard, shard->buckets);
    uint64_t items = 0;
    for (uint32_t i = 0; i < shard->buckets_n; i++) {
        for (uint32_t ref = buckets[i]; ref; ref = shard_item(shard, ref)->next) {
            struct store_item *item = shard_item(shard, ref);
            if (++items > shard->items || !item_is_sane(shard, item, blocks)) return false;
            if (shard_bucket(shard, item->hash) != &buckets[i]) return false;
            if (shard_find(shard, item->hash, item->bytes, item->links.key_len) != item)
                return false;
        }
    }
    return items == shard->items;
}

static bool tables_are_sane(const struct store *s, const struct store_shard *shard)
{
    uint64_t buckets_end =
        (uint64_t)shard->buckets * SHARD_UNIT + shard->buckets_n * sizeof(uint32_t);
    uint64_t begin = (uint64_t)shard->heap.begin * SHARD_UNIT;
    uint64_t end = ((uint64_t)shard->heap.end + 1) * SHARD_UNIT;
    return buckets_end <= begin && end <= s->shard_bytes; /* I6 */
}

bool shard_is_sane(const struct store *s, struct store_shard *shard)
{
    uint64_t blocks = 0, of_items = 0, queued = 0;
    if (shard->undo_n || shard->making || shard->dying) return false;
    for (int i = 0; i < POLICY_QUEUES; i++) queued += shard->policy.queues[i].items;
    return tables_are_sane(s, shard) && heap_is_sane(shard, &blocks) &&
           items_are_sane(shard, &of_items) && blocks == of_items && queued == shard->items &&
           policy_is_sane(shard);
}

bool store_is_sane(struct store *s)
{
    bool sane = sizeof(struct store) + s->shards_n * s->shard_bytes <= s->size;
    for (uint32_t i = 0; i < s->shards_n && sane; i++) {
        struct store_shard *shard = store_shard_at(s, i);
        shard_lock(shard);
        sane = shard->is_closed || shard_is_sane(s, shard);
        shard_unlock(shard);
    }
    return sane;
}
