/* The policy: S3-FIFO (Yang et al., SOSP 2023) with a small queue whose size adapts, and LRU.
 *
 * S3-FIFO: an item that is new comes into the small queue. When its turn to go comes and it was used, it moves to the main queue; else it
 * goes, and leaves a ghost: its hash, from which queue, and when. A key that comes back while its ghost counts comes into the main queue at
 * once. There the oldest item goes if it was not used since its last turn; else it has one use less, and is the newest again. So a hit
 * writes a number in the item and no list, and what is asked for once does not push out what is asked for often.
 *
 * How large the small queue is to be depends on the load: small where popularity lasts (a crawler's keys are to go quickly), large where
 * keys are popular for a while (they must be seen twice before they go). Ghosts tell: a key that comes back with a fresh ghost of the
 * small queue would have been a hit if that queue were larger by an eighth of all items; a fresh ghost of the main queue says the same
 * of that one. Each such ghost moves the border by a few times the item's size, so that both gain alike from what they get.
 * tests/lib/simulated_ghosts.c is the same without values; src/store/README.md has the numbers.
 *
 * Queues are rings, so that "the oldest is the newest again" is a write of one word. */
#include "store/policy.h"

#include <assert.h>

#include "store/shard.h"
#include "store/undo.h"

enum {
    WAYS = 8,          /* ghosts of a set */
    USES_MOST = 3,     /* S3-FIFO's two bits */
    GHOST_BYTES = 256, /* of a shard, for which there is one ghost: 1/64 of the shard are ghosts */
    STEP = 8,          /* times the item's bytes: how far a ghost moves the border */
    FRESH = 8 /* a ghost is fresh while not more than an eighth of all items went after it */
};

/* A ghost: the queue (1 bit), a part of the hash (15 bits), the time (16 bits). 0: none. */
enum { GHOST_HASH = 0x7fff };

static struct store_item *item_at(struct store_shard *shard, uint32_t ref)
{
    assert(ref);
    return shard_item(shard, ref);
}

/* --- queues -------------------------------------------------------------------------------------- */

static void count(struct store_shard *shard, struct policy_queue *q, const struct store_item *item,
                  bool is_more)
{
    uint64_t bytes = store_item_bytes(item);
    undo_set32(shard, &q->items, is_more ? q->items + 1 : q->items - 1);
    undo_set64(shard, &q->bytes, is_more ? q->bytes + bytes : q->bytes - bytes);
}

/* As the newest of the queue. */
static void push(struct store_shard *shard, struct store_item *item, uint8_t queue)
{
    struct policy_queue *q = &shard->policy.queues[queue];
    struct policy_links *links = &item->links;
    uint32_t ref = shard_ref(shard, item);
    assert(!links->queue);
    if (q->newest) {
        struct store_item *newest = item_at(shard, q->newest);
        uint32_t oldest = newest->links.newer;
        undo_set32(shard, &links->older, q->newest);
        undo_set32(shard, &links->newer, oldest);
        undo_set32(shard, &item_at(shard, oldest)->links.older, ref);
        undo_set32(shard, &newest->links.newer, ref);
    } else {
        undo_set32(shard, &links->older, ref);
        undo_set32(shard, &links->newer, ref);
    }
    undo_set32(shard, &q->newest, ref);
    undo_set8(shard, &links->queue, (uint8_t)(queue + 1));
    count(shard, q, item, true);
}

static void pull(struct store_shard *shard, struct store_item *item)
{
    struct policy_links *links = &item->links;
    assert(links->queue);
    struct policy_queue *q = &shard->policy.queues[links->queue - 1];
    uint32_t ref = shard_ref(shard, item);
    if (links->newer == ref) {
        undo_set32(shard, &q->newest, 0);
    } else {
        undo_set32(shard, &item_at(shard, links->newer)->links.older, links->older);
        undo_set32(shard, &item_at(shard, links->older)->links.newer, links->newer);
        if (q->newest == ref) undo_set32(shard, &q->newest, links->older);
    }
    undo_set8(shard, &links->queue, 0);
    count(shard, q, item, false);
}

static struct store_item *oldest_of(struct store_shard *shard, const struct policy_queue *q)
{
    return item_at(shard, item_at(shard, q->newest)->links.newer);
}

/* The oldest is the newest again. */
static void turn(struct store_shard *shard, struct policy_queue *q)
{
    undo_set32(shard, &q->newest, item_at(shard, q->newest)->links.newer);
}

/* --- ghosts -------------------------------------------------------------------------------------- */

/* The bits of the hash that chose the shard and the bucket are alike for many: all bits are mixed. */
static uint64_t mixed(const struct store_item *item)
{
    return item->hash * (uint64_t)0x9e3779b97f4a7c15u;
}

static uint32_t *set_of(struct store_shard *shard, uint64_t hash)
{
    const struct policy_shard *p = &shard->policy;
    uint64_t set = ((hash >> 32) * p->sets_n) >> 32;
    return (uint32_t *)(void *)((uint8_t *)shard + p->array_at) + set * WAYS;
}

/* Ghosts count the items that went in steps of so many, so that 16 bits are enough. */
static uint32_t step_of_time(const struct policy_shard *p)
{
    return p->sets_n * WAYS / 1024 + 1;
}

static uint16_t time_of(const struct policy_shard *p, uint32_t queue)
{
    return (uint16_t)(p->clocks[queue] / step_of_time(p));
}

/* How many items went since from its queue; of none: for ever. */
static uint32_t age_of(const struct policy_shard *p, uint32_t ghost)
{
    return ghost ? (uint16_t)(time_of(p, ghost >> 31) - ghost) * step_of_time(p) : UINT32_MAX;
}

static uint32_t items_of(const struct policy_shard *p)
{
    return p->queues[POLICY_SMALL].items + p->queues[POLICY_MAIN].items;
}

static void ghost_add(struct store_shard *shard, const struct store_item *item)
{
    struct policy_shard *p = &shard->policy;
    uint64_t hash = mixed(item);
    uint32_t queue = item->links.queue - 1u;
    uint32_t *set = set_of(shard, hash), *oldest = set;
    for (uint32_t *e = set + 1; e < set + WAYS; e++)
        if (age_of(p, *e) > age_of(p, *oldest)) oldest = e;
    *oldest = queue << 31 | (uint32_t)(hash & GHOST_HASH) << 16 | time_of(p, queue);
    p->clocks[queue]++;
}

/* The key's ghost, or 0. It is one no more. */
static uint32_t ghost_take(struct store_shard *shard, const struct store_item *item)
{
    uint64_t hash = mixed(item);
    for (uint32_t *e = set_of(shard, hash), *end = e + WAYS; e < end; e++)
        if (*e && (*e >> 16 & GHOST_HASH) == (hash & GHOST_HASH)) {
            uint32_t ghost = *e;
            *e = 0;
            return ghost;
        }
    return 0;
}

/* A fresh ghost: its queue is to be larger. */
static void border_move(struct policy_shard *p, uint32_t queue, const struct store_item *item)
{
    uint64_t step = store_item_bytes(item) * STEP;
    if (step > p->room / 64) step = p->room / 64;
    if (queue == POLICY_SMALL && p->small + step < p->room / 10 * 9) p->small += step;
    if (queue == POLICY_MAIN && p->small > p->room / 50 + step) p->small -= step;
}

/* --- the functions ------------------------------------------------------------------------------- */

static bool is_lru(const struct store_shard *shard)
{
    return shard->policy.kind == STORE_POLICY_LRU;
}

size_t policy_array_bytes(enum store_policy kind, uint64_t shard_bytes)
{
    uint64_t set = WAYS * sizeof(uint32_t), sets = shard_bytes / GHOST_BYTES / WAYS;
    return kind == STORE_POLICY_LRU ? 0 : (size_t)((sets ? sets : 1) * set);
}

void policy_init(struct store_shard *shard, enum store_policy kind, uint64_t array_at,
                 size_t array_bytes, uint64_t room)
{
    struct policy_shard *p = &shard->policy;
    p->kind = kind;
    p->array_at = array_at;
    p->sets_n = (uint32_t)(array_bytes / WAYS / sizeof(uint32_t));
    p->room = room;
    p->small = room / 10;
    assert(is_lru(shard) || p->sets_n > 0);
}

void policy_add(struct store_shard *shard, struct store_item *item)
{
    struct policy_shard *p = &shard->policy;
    uint8_t queue = POLICY_MAIN;
    item->links.uses = 0;
    if (!is_lru(shard)) {
        uint32_t ghost = ghost_take(shard, item), age = age_of(p, ghost), items = items_of(p);
        if (age <= items / FRESH) border_move(p, ghost >> 31, item);
        if (age > items - items / 10) queue = POLICY_SMALL;
    }
    push(shard, item, queue);
}

void policy_use(struct store_shard *shard, struct store_item *item)
{
    assert(item->links.queue);
    if (is_lru(shard)) {
        if (shard->policy.queues[POLICY_MAIN].newest == shard_ref(shard, item)) return;
        pull(shard, item);
        push(shard, item, POLICY_MAIN);
    } else if (item->links.uses < USES_MOST) {
        item->links.uses++;
    }
}

/* The same place in the queue. */
static void put_in_place(struct store_shard *shard, struct store_item *old, struct store_item *made)
{
    struct policy_queue *q = &shard->policy.queues[old->links.queue - 1];
    uint32_t was = shard_ref(shard, old), ref = shard_ref(shard, made);
    bool is_alone = old->links.newer == was;
    undo_set32(shard, &made->links.newer, is_alone ? ref : old->links.newer);
    undo_set32(shard, &made->links.older, is_alone ? ref : old->links.older);
    undo_set32(shard, &item_at(shard, made->links.newer)->links.older, ref);
    undo_set32(shard, &item_at(shard, made->links.older)->links.newer, ref);
    if (q->newest == was) undo_set32(shard, &q->newest, ref);
    undo_set8(shard, &made->links.queue, old->links.queue);
    undo_set8(shard, &old->links.queue, 0);
    undo_set64(shard, &q->bytes, q->bytes - store_item_bytes(old) + store_item_bytes(made));
}

void policy_replace(struct store_shard *shard, struct store_item *old, struct store_item *made)
{
    uint8_t uses = old->links.uses;
    assert(old->links.queue && !made->links.queue);
    made->links.uses = 0;
    if (is_lru(shard)) {
        pull(shard, old);
        push(shard, made, POLICY_MAIN);
    } else {
        put_in_place(shard, old, made);
        made->links.uses = uses < USES_MOST ? uses + 1 : uses;
    }
}

void policy_leave(struct store_shard *shard, struct store_item *item)
{
    pull(shard, item);
}

/* Of the queue whose turn it is, or, if nothing but `keep` is there, of the other. */
static struct store_item *candidate(struct store_shard *shard, const struct store_item *keep)
{
    struct policy_shard *p = &shard->policy;
    struct policy_queue *small = &p->queues[POLICY_SMALL], *main = &p->queues[POLICY_MAIN];
    struct policy_queue *q =
        small->newest && (small->bytes >= p->small || !main->newest) ? small : main;
    for (int i = 0; i < 2; i++, q = q == small ? main : small) {
        if (!q->newest) continue;
        struct store_item *oldest = oldest_of(shard, q);
        if (oldest != keep) return oldest;
        turn(shard, q);
        oldest = oldest_of(shard, q);
        if (oldest != keep) return oldest;
    }
    return NULL;
}

/* Whether it stays for now; then it has its place for that. */
static bool is_spared(struct store_shard *shard, struct store_item *item)
{
    if (!item->links.uses) return false;
    if (item->links.queue == POLICY_SMALL + 1) {
        pull(shard, item);
        push(shard, item, POLICY_MAIN);
        item->links.uses = 0;
    } else {
        turn(shard, &shard->policy.queues[POLICY_MAIN]);
        item->links.uses--;
    }
    return true;
}

struct store_item *policy_victim(struct store_shard *shard, const struct store_item *keep,
                                 int64_t now)
{
    struct policy_shard *p = &shard->policy;
    struct store_item *item = candidate(shard, keep);
    if (!item) return NULL;
    int64_t expires = store_item_expires(item);
    bool has_expired = expires && expires <= now;
    if (!has_expired && p->looked < POLICY_STEPS && is_spared(shard, item)) {
        p->looked++;
        return NULL;
    }
    p->looked = 0;
    return item;
}

void policy_evict(struct store_shard *shard, struct store_item *item)
{
    if (!is_lru(shard)) ghost_add(shard, item);
    pull(shard, item);
}

static bool queue_is_sane(struct store_shard *shard, uint32_t queue, uint32_t items_most)
{
    const struct policy_queue *q = &shard->policy.queues[queue];
    uint32_t items = 0, ref = q->newest;
    uint64_t bytes = 0;
    if (!ref) return q->items == 0 && q->bytes == 0;
    do {
        const struct store_item *item = item_at(shard, ref);
        if (items++ == items_most || item->links.queue != queue + 1) return false;
        if (!item->links.newer || !item->links.older) return false;
        if (item_at(shard, item->links.newer)->links.older != ref) return false;
        bytes += store_item_bytes(item);
        ref = item->links.older;
    } while (ref != q->newest);
    return q->items == items && q->bytes == bytes;
}

bool policy_is_sane(struct store_shard *shard)
{
    uint32_t items = items_of(&shard->policy);
    if (is_lru(shard) && shard->policy.queues[POLICY_SMALL].newest) return false;
    return queue_is_sane(shard, POLICY_SMALL, items) && queue_is_sane(shard, POLICY_MAIN, items);
}
