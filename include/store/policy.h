/* policy: which item of a shard goes when the shard is full.
 *
 * It owns the queues of a shard: struct policy_shard, which is a field of the shard, and struct policy_links, which is a field of each
 * item. Items and shards belong to store/store.c. All functions are called with the shard's lock held, by any process that maps the
 * region. Every change of a queue goes through the shard's journal (store/undo.h). What only advises (uses, ghosts, the clocks, the size
 * that the small queue is to have) does not: each value of it is valid.
 *
 * Invariant (policy_is_sane): each linked item is in exactly one queue, and the counts of the queues are those of their items.
 */
#ifndef MOONGATE_STORE_POLICY_H
#define MOONGATE_STORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* DEFAULT: the one that misses least at equal memory, see src/store/README.md. LRU: the item that was used longest ago goes, as in a
 * memcached; a hit writes lists. */
enum store_policy { STORE_POLICY_DEFAULT, STORE_POLICY_LRU };

/* New items come into the small queue; what is used there, or comes back soon after it went, is in the main one. LRU has the main queue
 * alone. */
enum { POLICY_SMALL, POLICY_MAIN, POLICY_QUEUES };

/* References to items, as all others of the shard. The queue is a ring: the newest item's `newer` is the oldest. */
struct policy_links {
    uint32_t newer, older;
    uint8_t queue;          /* the number of its queue + 1; 0: in none */
    uint8_t uses;           /* since it came into the queue, or was spared, up to a small limit */
    uint8_t key_len, marks; /* not the policy's: the item's, which fill the word */
};

struct policy_queue {
    uint32_t newest; /* 0: the queue is empty */
    uint32_t items;
    uint64_t bytes; /* store_item_bytes of all of them */
};

struct policy_shard {
    struct policy_queue queues[POLICY_QUEUES];
    uint64_t small;                 /* bytes that the small queue is to have */
    uint64_t room;                  /* bytes of items that the shard may hold, about */
    uint64_t array_at;              /* of the ghosts: offset from the shard's first byte */
    uint32_t sets_n;                /* of ghosts */
    uint32_t kind;                  /* enum store_policy */
    uint32_t clocks[POLICY_QUEUES]; /* how many items went from each */
    uint32_t looked;                /* steps since the last victim */
};

struct store_shard;
struct store_item;

/* How many bytes the policy wants in a shard of that size for its array: fixed, taken once when the shard is made. */
size_t policy_array_bytes(enum store_policy kind, uint64_t shard_bytes);

/* The shard is new and zero. The array lies at that offset from the shard's first byte, a multiple of 8, is zero, and has so many bytes.
 * room: about how many bytes of items the shard may hold. */
void policy_init(struct store_shard *shard, enum store_policy kind, uint64_t array_at,
                 size_t array_bytes, uint64_t room);

/* The item has just been linked, for a key that had none. Its bytes (store_item_bytes) and its hash do not change while it is in a queue. */
void policy_add(struct store_shard *shard, struct store_item *item);

/* A hit. Writes no list (but under LRU). */
void policy_use(struct store_shard *shard, struct store_item *item);

/* `made` takes the place of `old`, which has the same key: a write, which counts as a use. `old` is in no queue afterwards. */
void policy_replace(struct store_shard *shard, struct store_item *old, struct store_item *made);

/* The item is removed because its key is deleted, or it has expired: it is in no queue afterwards. */
void policy_leave(struct store_shard *shard, struct store_item *item);

/* One step of the search for the item that goes next. A step writes a few words, so the caller may commit after each. It returns the
 * item, still in its queue; the caller calls policy_evict (or, if it has expired, policy_leave) and unlinks it. NULL: look again, some item
 * was moved or spared. After POLICY_STEPS calls in a row that gave NULL the next gives an item, if the shard has one but `keep` (NULL:
 * none), which never goes. */
enum { POLICY_STEPS = 64 };
struct store_item *policy_victim(struct store_shard *shard, const struct store_item *keep,
                                 int64_t now);

/* As policy_leave, for a victim: the policy remembers its hash. */
void policy_evict(struct store_shard *shard, struct store_item *item);

/* All invariants of the queues hold. Walks through all items: for tests. */
bool policy_is_sane(struct store_shard *shard);

#endif
