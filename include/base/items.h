/* items: what a shared dictionary holds, in chunks of its memory: chains by hash, a list by age. The dictionary owns them.
 *
 * For src/base/shared.c only, in any process. All but items_init and items_place need the dictionary's lock held.
 */
#ifndef MOONGATE_BASE_ITEMS_H
#define MOONGATE_BASE_ITEMS_H

#include "base/shared.h"

enum { ITEMS_CHUNK = 64 }; /* bytes; dictionaries begin at multiples of it */

union chunk;

/* A dictionary as this process sees it, and the key of one operation. A plain value. */
struct place {
    struct shared_dict *d;
    uint32_t *buckets;
    union chunk *chunks; /* chunks[0] is never used */
    struct shared_key key;
    uint32_t hash;
};

/* Divides the d->size bytes of a new dictionary, all zero, into buckets and chunks. */
void items_init(struct shared_dict *d);

struct place items_place(struct shared *s, struct shared_dict *d, struct shared_key key);

/* The lock's last holder has died: empties the dictionary if it died in the middle of a change. True if so. A process that dies
 * in here leaves the same work to the next holder. */
bool items_recover(const struct place *p);

/* The bytes of all that was ever used, and a copy of it to a dictionary of the same size and place in another region, which is empty. */
size_t items_bytes(const struct place *p);
void items_copy(struct shared *to, struct shared_dict *d, const struct place *from);

/* The item of the key, or 0. Removes it when it has expired at `now`. */
uint32_t items_find(const struct place *p, double now);

/* Makes the item the newest one: it was used. */
void items_touch(const struct place *p, uint32_t item);

void items_remove(const struct place *p, uint32_t item);

/* Stores the value under the key and removes the item `old` (0: there is none). Older items make room. OK or TOO_LARGE. */
enum shared_status items_put(const struct place *p, uint32_t old, const struct shared_value *value,
                             double expires);

/* Reads the item's value. A text is copied to `text`, which has SHARED_TEXT_MAX bytes. */
void items_value(const struct place *p, uint32_t item, struct shared_value *value, char *text);

/* Adds *number to the item's number and stores the sum there; false when the item is not a number. */
bool items_add(const struct place *p, uint32_t item, double *number);

double items_expiry(const struct place *p, uint32_t item);

/* True when all invariants hold. Walks through all items: for tests. */
bool items_are_sane(const struct place *p);

#endif
