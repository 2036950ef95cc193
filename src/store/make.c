/* Items that are about to be stored: room for them, and their values.
 *
 * A short item is one block, and other items go until there is a block for it. A longer one is one block if there is one at once. If not, it
 * becomes a head and extents: pieces of at most EXTENT_MOST bytes, but as small as PIECE_LEAST where the free blocks are. So a long value
 * makes use of the gaps that others left, and one of half the store finds room however items lie.
 *
 * From store_make to store_put the blocks stand in the shard's list `making`, the head first, then the extents in order: the same links lead
 * through the value later. They are in no index yet, so what is written there needs no journal. */
#include <assert.h>
#include <string.h>

#include "store/shard.h"
#include "store/undo.h"

enum { PIECE_LEAST = 512, EXTENT_MOST = 16384, EXTENT_HEAD = 4 };

/* --- others go ------------------------------------------------------------------------------------- */

static void evict_item(struct store_op *op, struct store_item *item)
{
    struct store_shard *shard = op->shard;
    assert(item != op->kept);
    if (item_is_over(item, store_epoch(op->store, op->now), op->now)) {
        shard_reclaim(shard, item, op->now);
    } else {
        shard->evictions++;
        shard->evicted_unfetched += !(item->links.marks & STORE_FETCHED);
        policy_evict(shard, item);
        shard_unlink(shard, item);
    }
    op->span_item = NULL;
    shard_commit(shard);
}

/* False: there is no item that may go. */
static bool evict(struct store_op *op)
{
    for (int i = 0; i <= POLICY_STEPS; i++) {
        struct store_item *item = policy_victim(op->shard, op->kept, op->now);
        shard_commit(op->shard);
        if (!item) continue;
        evict_item(op, item);
        return true;
    }
    return false;
}

/* --- blocks ---------------------------------------------------------------------------------------- */

/* Puts the block behind the last one that is being made; a step is done. */
static void append(struct store_shard *shard, uint32_t *last, uint32_t ref)
{
    undo_set32(shard, &shard_item(shard, ref)->next, 0);
    undo_set32(shard, last, ref);
    undo_commit(shard);
}

/* A block of so many bytes in one piece. 0: there can be none. */
static uint32_t take_whole(struct store_op *op, uint64_t bytes)
{
    uint32_t ref = heap_take(op->shard, bytes);
    while (!ref && evict(op)) ref = heap_take(op->shard, bytes);
    return ref;
}

/* A block for the next bytes of a value of which so many are left. */
static uint32_t take_extent(struct store_op *op, uint64_t left)
{
    uint64_t wanted = EXTENT_HEAD + (left < EXTENT_MOST ? left : EXTENT_MOST);
    do {
        uint32_t ref = heap_take(op->shard, wanted);
        if (ref) return ref;
        uint64_t largest = heap_largest(op->shard);
        if (largest >= PIECE_LEAST) return heap_take(op->shard, largest);
    } while (evict(op));
    return 0;
}

/* What the item is before its first byte of value is written. */
static struct store_item *head_in(struct store_op *op, uint32_t ref, uint64_t value_len,
                                  uint8_t marks)
{
    struct store_item *item = shard_item(op->shard, ref);
    assert(!op->shard->making);
    append(op->shard, &op->shard->making, ref);
    item->links = (struct policy_links){.key_len = (uint8_t)op->key_len, .marks = marks};
    item->hash = (uint32_t)op->hash;
    item->cas = 0;
    item->expires = item->flags = 0;
    item->used = (uint32_t)op->now;
    item->value_len = (uint32_t)value_len;
    item->epoch = 0;
    memcpy(item->bytes, op->key, op->key_len);
    return item;
}

/* --- made of extents ------------------------------------------------------------------------------- */

static struct store_item *make_of_extents(struct store_op *op, uint64_t value_len)
{
    struct store_shard *shard = op->shard;
    uint64_t head = STORE_ITEM_HEAD + op->key_len + 3 + sizeof(uint32_t), left = value_len;
    uint32_t ref = take_whole(op, head - sizeof(uint32_t));
    if (!ref) return NULL;
    struct store_item *item = head_in(op, ref, value_len, STORE_EXTENTS);
    uint32_t *last = &item->next;
    while (left > 0) {
        ref = take_extent(op, left);
        if (!ref) {
            shard_forget_made(shard);
            return NULL;
        }
        append(shard, last, ref);
        if (last == &item->next) *item_extents(item) = ref;
        last = &shard_item(shard, ref)->next;
        uint64_t room = heap_room(shard, ref) - EXTENT_HEAD;
        left -= room < left ? room : left;
    }
    return item;
}

/* --- store_make ------------------------------------------------------------------------------------ */

static bool can_have_room(const struct store_op *op, uint64_t value_len)
{
    const struct heap *h = &op->shard->heap;
    uint64_t all = (uint64_t)(h->end - h->begin) * SHARD_UNIT;
    uint64_t kept = op->kept ? store_item_bytes(op->kept) : 0;
    return !op->shard->is_closed && value_len <= op->store->largest && kept + value_len < all;
}

/* The second try is for a first one that found its own extents in the way: now nothing else is left but the item that is kept. */
static struct store_item *make_long(struct store_op *op, uint64_t value_len)
{
    uint64_t bytes = STORE_ITEM_HEAD + op->key_len + value_len - sizeof(uint32_t);
    uint32_t ref = heap_take(op->shard, bytes);
    if (ref) return head_in(op, ref, value_len, 0);
    struct store_item *item = make_of_extents(op, value_len);
    return item ? item : make_of_extents(op, value_len);
}

struct store_item *store_make(struct store_op *op, uint64_t value_len)
{
    struct store_shard *shard = op->shard;
    struct store_item *item = NULL;
    op->span_item = NULL;
    undo_commit(shard);
    if (shard->making) shard_forget_made(shard);
    if (can_have_room(op, value_len)) {
        uint64_t bytes = STORE_ITEM_HEAD + op->key_len + value_len - sizeof(uint32_t);
        if (bytes > PIECE_LEAST)
            item = make_long(op, value_len);
        else {
            uint32_t ref = take_whole(op, bytes);
            if (ref) item = head_in(op, ref, value_len, 0);
        }
    }
    shard->refused += !item;
    return item;
}
