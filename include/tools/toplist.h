/* toplist: requests counted by a name: a command, a prefix, a client, an error.
 *
 * Embedded in its owner, which calls toplist_release. I6: TOPLIST_MOST names; those that come when it is full are counted as others.
 */
#ifndef MOONGATE_TOOLS_TOPLIST_H
#define MOONGATE_TOOLS_TOPLIST_H

#include <stddef.h>
#include <stdint.h>

enum { TOPLIST_MOST = 65536, TOPLIST_NAME = 128 };

struct toplist_row {
    uint64_t requests, hits, misses, errors;
    uint8_t len;
    uint8_t name[TOPLIST_NAME]; /* any bytes; cut where it was longer */
};

struct toplist {
    struct toplist_row *rows; /* in the order in which they came; after toplist_sort by requests */
    uint32_t *places;         /* a table of 1 + place in rows; 0: free */
    uint32_t n;
    struct toplist_row others;
};

void toplist_init(struct toplist *t);
void toplist_release(struct toplist *t);

/* The row of that name, to be counted in. Valid until the next call. */
struct toplist_row *toplist_at(struct toplist *t, const void *name, size_t len);

/* The row with most requests comes first. Nothing is counted afterwards. */
void toplist_sort(struct toplist *t);

#endif
