/* recording_tally: requests counted by a name: a command, a prefix, a client, an error.
 *
 * Embedded in its owner, which calls tally_release. I6: TALLY_MOST names; those that come when it is full are counted as others.
 */
#ifndef MOONGATE_TOOLS_RECORDING_TALLY_H
#define MOONGATE_TOOLS_RECORDING_TALLY_H

#include <stddef.h>
#include <stdint.h>

enum { TALLY_MOST = 65536, TALLY_NAME = 128 };

struct tally_row {
    uint64_t requests, hits, misses, errors;
    uint8_t len;
    uint8_t name[TALLY_NAME]; /* any bytes; cut where it was longer */
};

struct recording_tally {
    struct tally_row *rows; /* in the order in which they came; after tally_sort by requests */
    uint32_t *places;       /* a table of 1 + place in rows; 0: free */
    uint32_t n;
    struct tally_row others;
};

void recording_tally_init(struct recording_tally *t);
void recording_tally_release(struct recording_tally *t);

/* The row of that name, to be counted in. Valid until the next call. */
struct tally_row *recording_tally_at(struct recording_tally *t, const void *name, size_t len);

/* The row with most requests comes first. Nothing is counted afterwards. */
void recording_tally_sort(struct recording_tally *t);

#endif
