/* tally: all that a replay counts, while it counts: the results themselves, and tables of any size of which the results show the largest rows.
 *
 * Owned by the engine, which releases it. One process.
 */
#ifndef MOONGATE_REPLAY_TALLY_H
#define MOONGATE_REPLAY_TALLY_H

#include "replay/asked.h"
#include "replay/heard.h"
#include "replay/results.h"
#include "replay/where.h"

/* Columns of the series: the two sides, and what the recording says of itself. */
enum { TALLY_RECORDED = REPLAY_SIDES, TALLY_COLUMNS };

struct tally_slice {
    uint64_t requests, gets, hits, errors;
    struct latency latency;
};

/* I6: tables end at TALLY_ROWS; what comes then counts as the rest. */
enum { TALLY_ROWS = 4096 };

struct tally {
    struct replay_results *results;              /* from malloc */
    struct tally_slice (*slices)[TALLY_COLUMNS]; /* REPLAY_BUCKETS of them */
    struct replay_prefix *prefixes;              /* prefixes_n; the first is of keys without one */
    uint32_t prefixes_n;
    uint32_t *prefix_places; /* by a hash: a number + 1, or 0 */
    struct replay_move *moves;
    uint32_t moves_n;
    uint64_t moves_rest;
};

void tally_init(struct tally *t);
void tally_release(struct tally *t);

/* A request of the recording, before it is sent; numbers its prefixes. */
void tally_asked(struct tally *t, struct asked *a);

/* Where one of its keys goes under both scripts. */
void tally_routes(struct tally *t, const struct asked *a, uint32_t key, const struct where *old,
                  const struct where *new);

/* Its answer on a side. why: what the script has to say to an error, or "". */
void tally_answer(struct tally *t, unsigned side, const struct asked *a, const struct hearing *h,
                  double seconds, const char *why);
void tally_value(struct tally *t, unsigned side, const struct response_value *v);

/* Fills the parts of the results that are made from tables. */
void tally_publish(struct tally *t);

#endif
