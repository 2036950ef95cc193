/* known: where the deletes of a spool lie, by a hash of their lines, so that one that waits already is not kept twice.
 *
 * Owned by its spool. Bounded: when it is full, or the budget of the folder is used up, further deletes are not remembered, and may be kept twice:
 * that does no harm. It says where a delete may be; the caller compares the bytes there.
 */
#ifndef MOONGATE_SPOOL_KNOWN_H
#define MOONGATE_SPOOL_KNOWN_H

#include <stddef.h>
#include <stdint.h>

enum {
    KNOWN_FIRST = 64,           /* slots */
    KNOWN_MOST = 1 << 19,       /* of one spool */
    KNOWN_BUDGET = 4096 * 1024, /* of all spools of a folder: 64 MiB */
    KNOWN_STEPS = 16            /* slots that are looked at */
};

struct known_slot {
    uint64_t hash;         /* 0: empty */
    uint32_t sequence, at; /* the file and the place there, divided by 8 */
};

struct known {
    struct known_slot *slots; /* NULL: nothing is known */
    uint32_t n, used;
    uint32_t *budget; /* slots that the folder's spools may still take */
};

/* Forgets all. */
void known_clear(struct known *k);

/* The slot of that hash; NULL: there is none. */
struct known_slot *known_find(const struct known *k, uint64_t hash);

/* Remembers the place, in place of an older one of that hash. What lies before (first, first_at) may be forgotten. */
void known_add(struct known *k, uint64_t hash, uint32_t sequence, uint64_t at, uint32_t first,
               uint64_t first_at);

#endif
