/* allowance: how much of something may be done by now, when it may be done at a rate: a token bucket. A plain value; owns nothing. */
#ifndef MOONGATE_MOVE_ALLOWANCE_H
#define MOONGATE_MOVE_ALLOWANCE_H

#include <math.h>
#include <stdbool.h>

/* Invariant: left <= burst. It may be below 0: what was done is known only then. */
struct allowance {
    double rate;  /* a second; INFINITY: no limit */
    double burst; /* what may be done at once, after a pause */
    double left;
    double at; /* when left was so much: seconds */
};

/* burst: seconds of the rate, and at least 1. */
static inline void allowance_set(struct allowance *a, double rate, double burst, double now)
{
    double most = rate * burst;
    a->rate = rate;
    a->burst = most > 1 ? most : 1;
    if (a->left > a->burst) a->left = a->burst;
    if (a->at == 0) a->at = now;
}

/* Adds what has become due. True: something may be done. */
static inline bool allowance_look(struct allowance *a, double now)
{
    if (isinf(a->rate)) return true;
    if (now > a->at) a->left += (now - a->at) * a->rate;
    if (a->left > a->burst) a->left = a->burst;
    a->at = now;
    return a->left > 0;
}

/* The same with what was due when it was looked at last. */
static inline bool allowance_is_left(const struct allowance *a)
{
    return isinf(a->rate) || a->left > 0;
}

/* So much was done. */
static inline void allowance_take(struct allowance *a, double n)
{
    if (!isinf(a->rate)) a->left -= n;
}

#endif
