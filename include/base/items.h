/* items: what a shared dictionary holds, in chunks of its memory: chains by hash, a list by age. For src/base/shared.c only.
 *
 * All but items_init and items_place want the dictionary's lock held.
 */
#ifndef MOONGATE_BASE_ITEMS_H
#define MOONGATE_BASE_ITEMS_H

#include "base/shared.h"

enum { ITEMS_CHUNK = 64 }; /* bytes: also where a dictionary may begin */

union chunk;

/* A dictionary, and the key that is asked for. */
struct place {
    struct shared_dict *d;
    uint32_t *buckets;
    union chunk *chunks; /* chunks[0] is never used */
    struct shared_key key;
    uint32_t hash;
};

/* Divides its d->size bytes, all zero; there are no items. */
void items_init(struct shared_dict *d);

struct place items_place(struct shared *s, struct shared_dict *d, struct shared_key key);

/* When who held the lock has died: empties it, if it was in the midst of a change. True if so. A death in here leaves
 * things as they are for the next. */
bool items_recover(const struct place *p);

/* The item of the key, or 0. One whose time is over goes. */
uint32_t items_find(const struct place *p, double now);

/* For an item that was used just now. */
void items_touch(const struct place *p, uint32_t item);

void items_remove(const struct place *p, uint32_t item);

/* In place of `old`, which may be 0. Older items make room. OK or TOO_LARGE. */
enum shared_status items_put(const struct place *p, uint32_t old, const struct shared_value *value,
                             double expires);

/* A text is copied to `text`, which has SHARED_TEXT_MAX bytes. */
void items_value(const struct place *p, uint32_t item, struct shared_value *value, char *text);

/* Adds to a number; false when it is none. */
bool items_add(const struct place *p, uint32_t item, double *number);

double items_expiry(const struct place *p, uint32_t item);

/* Looks at all of it. */
bool items_are_sane(const struct place *p);

#endif
