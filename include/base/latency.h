/* latency: a histogram of times. Its buckets grow with the time, so that it tells any time within 3 %, be it microseconds or
 * minutes.
 *
 * A struct inside another, whose owner owns it; all zero at first. One process writes it, with plain stores, and any that shares the
 * memory may read it meanwhile. Times are whole microseconds: a bucket for each up to 16, then 16 for each doubling, up to 134 s. The last
 * bucket has no limit.
 */
#ifndef MOONGATE_BASE_LATENCY_H
#define MOONGATE_BASE_LATENCY_H

#include <assert.h>
#include <stdint.h>

enum { LATENCY_STEPS = 16, LATENCY_BUCKETS = 24 * LATENCY_STEPS };

struct latency {
    uint64_t counts[LATENCY_BUCKETS];
    uint64_t sum_us; /* of all times */
};

/* The whole microseconds of a time that may be negative, where a clock was set back: then 0. More than an hour is an hour. */
static inline uint64_t latency_us(double seconds)
{
    if (!(seconds > 0)) return 0;
    return seconds < 3600 ? (uint64_t)(int64_t)(seconds * 1e6) : 3600000000u;
}

/* The bucket of that many microseconds: the five highest bits of the number, with their place. */
static inline unsigned latency_bucket_us(uint64_t us)
{
    unsigned shift = 59u - (unsigned)__builtin_clzll(us | LATENCY_STEPS);
    unsigned bucket = shift * LATENCY_STEPS + (unsigned)(us >> shift);
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static inline unsigned latency_bucket(double seconds)
{
    return latency_bucket_us(latency_us(seconds));
}

/* Counts a time whose bucket is known. Its caller has it from latency_bucket_us or latency_measure. */
static inline void latency_put(struct latency *l, uint64_t us, unsigned bucket)
{
    l->counts[bucket]++;
    l->sum_us += us;
}

/* The time from began to ended, and its bucket. Many requests of a turn begin and end together, so the last one is kept: a struct inside
 * another, all zero at first. */
struct latency_span {
    double began, ended; /* seconds of one clock */
    uint64_t us;
    unsigned bucket;
};

static inline void latency_measure(struct latency_span *span, double began, double ended)
{
    if (began == span->began && ended == span->ended) return;
    span->began = began;
    span->ended = ended;
    span->us = latency_us(ended - began);
    span->bucket = latency_bucket_us(span->us);
}

static inline void latency_note(struct latency *l, double seconds)
{
    uint64_t us = latency_us(seconds);
    latency_put(l, us, latency_bucket_us(us));
}

/* Times below that many seconds, and not below the limit of the bucket before, belong to a bucket (< LATENCY_BUCKETS). INFINITY for
 * the last. */
double latency_limit(unsigned bucket);

/* The time, in seconds, that a share (0 to 1) of all times does not exceed, to within 3 % and a microsecond; 0 where
 * there are none. */
double latency_percentile(const struct latency *l, double share);

/* Adds another histogram, which its owner may be writing. */
void latency_add(struct latency *sum, const struct latency *more);

/* How many times there are. */
uint64_t latency_count(const struct latency *l);

#endif
