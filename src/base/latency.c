/* A histogram whose buckets are as wide as a sixteenth of the times in them, from 16 us on: the middle of a bucket is at most a 32nd
 * off. Below, each microsecond has its own. So noting a time takes no division and no logarithm: the bucket is the position
 * of the highest bit, and the four bits behind it. */
#include "base/latency.h"

#include <math.h>

/* The least microseconds of a bucket: the inverse of latency_bucket_us. */
static double least_us(unsigned bucket)
{
    if (bucket < 2 * LATENCY_STEPS) return bucket;
    unsigned shift = bucket / LATENCY_STEPS - 1;
    return ldexp(bucket - shift * LATENCY_STEPS, (int)shift);
}

double latency_limit(unsigned bucket)
{
    assert(bucket < LATENCY_BUCKETS);
    return bucket + 1 < LATENCY_BUCKETS ? least_us(bucket + 1) * 1e-6 : INFINITY;
}

double latency_percentile(const struct latency *l, double share)
{
    uint64_t seen = 0, all = latency_count(l);
    assert(share >= 0 && share <= 1);
    for (unsigned i = 0; i < LATENCY_BUCKETS && all > 0; i++) {
        seen += l->counts[i];
        if ((double)seen >= share * (double)all) return (least_us(i) + least_us(i + 1)) / 2 * 1e-6;
    }
    return 0;
}

void latency_add(struct latency *sum, const struct latency *more)
{
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        sum->counts[i] += __atomic_load_n(&more->counts[i], __ATOMIC_RELAXED);
    sum->sum_us += __atomic_load_n(&more->sum_us, __ATOMIC_RELAXED);
}

uint64_t latency_count(const struct latency *l)
{
    uint64_t all = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) all += l->counts[i];
    return all;
}
