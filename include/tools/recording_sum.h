/* recording_sum: what `moongate recording` says of all requests of its files, in one page.
 *
 * Embedded in the tool, which owns it and calls recording_sum_release. Its memory is bounded by that of its lists.
 */
#ifndef MOONGATE_TOOLS_RECORDING_SUM_H
#define MOONGATE_TOOLS_RECORDING_SUM_H

#include <stdio.h>

#include "base/latency.h"
#include "record/file.h"
#include "tools/toplist.h"

/* Microseconds, or bytes in their place. */
struct recording_numbers {
    struct latency all;
    uint64_t most;
};

struct recording_sum {
    uint64_t requests, hits, misses, errors, noreply;
    uint64_t several;           /* requests that are keys of a get of several keys */
    uint64_t first_us, last_us; /* when the first one came, and the last one */
    uint64_t gaps, gap_us;
    uint32_t least_share, most_share; /* of UINT32_MAX */
    struct recording_numbers times, values, answers;
    struct toplist commands, results, prefixes, clients, texts;
};

void recording_sum_init(struct recording_sum *s);
void recording_sum_release(struct recording_sum *s);

/* Counts the take that r has read. */
void recording_sum_take(struct recording_sum *s, const struct recording *r, const struct take *t);
void recording_sum_gap(struct recording_sum *s, const struct recording *r);

/* lost: over all files. Sorts, so nothing is counted afterwards. */
void recording_sum_print(struct recording_sum *s, uint64_t lost, FILE *out);

#endif
