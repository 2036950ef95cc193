/* Two accounts, of time and of bytes: each gets its part of what goes by, up to that of BURST seconds, and pays what was spent. When one is
 * empty the share is halved, and the account gets a quarter of that, so that the effect is seen before it is halved again. When a whole
 * second has used less than RAISE_BELOW, the share is doubled, as its double would fit then. After a share that was too large, it waits:
 * longer each time, so that a steady load is not recorded too much again and again.
 *
 * The time is that which the worker has worked: so its requests become dearer by no more than that part, however busy it is. */
#include "client/budget.h"

#include <assert.h>
#include <string.h>

static const double TIME = 0.01;                /* of what the worker works */
static const double BYTES = 24.0 * 1024 * 1024; /* a second */
static const double BURST = 0.5;                /* seconds */
static const double LOST_AGAIN = 0.2;  /* seconds until it is lowered again for a slow reader */
static const double RAISE_BELOW = 0.4; /* of the budget */
static const double PATIENCE = 1, PATIENCE_MOST = 64, STEADY = 10; /* seconds */

enum { LEAST = 4096 }; /* of UINT32_MAX: one key of a million */

static double less(double a, double b)
{
    return a < b ? a : b;
}

void budget_begin(struct budget *b, uint32_t asked, double now)
{
    assert(asked > 0);
    *b = (struct budget){.asked = asked,
                         .share = asked,
                         .at = now,
                         .seconds = BURST * TIME,
                         .bytes = BURST * BYTES,
                         .second = now,
                         .raised = now - STEADY,
                         .lowered = now - STEADY,
                         .patience = PATIENCE};
}

static void pay(struct budget *b, double now, const struct budget_bill *bill)
{
    double passed = now > b->at ? now - b->at : 0, bytes = (double)bill->bytes;
    b->at = now;
    b->seconds = less(b->seconds + bill->worked * TIME, BURST * TIME) - bill->seconds;
    b->bytes = less(b->bytes + passed * BYTES, BURST * BYTES) - bytes;
    b->sum.worked += bill->worked;
    b->sum.seconds += bill->seconds;
    b->sum.bytes += bytes;
}

/* The part of its budget that it has used in the present second. */
static double load(const struct budget *b, double now)
{
    double time = b->sum.worked > 0 ? b->sum.seconds / (b->sum.worked * TIME) : 1;
    double bytes = b->sum.bytes / ((now - b->second) * BYTES);
    return time > bytes ? time : bytes;
}

static bool lower(struct budget *b, double now)
{
    uint32_t least = b->asked < LEAST ? b->asked : LEAST;
    if (b->seconds < BURST * TIME / 4) b->seconds = BURST * TIME / 4;
    if (b->bytes < BURST * BYTES / 4) b->bytes = BURST * BYTES / 4;
    if (now - b->raised < STEADY) b->patience = less(b->patience * 2, PATIENCE_MOST);
    b->lowered = now;
    if (b->share == least) return false;
    b->share = b->share / 2 > least ? b->share / 2 : least;
    return true;
}

/* A second has gone by. */
static bool raise(struct budget *b, double now)
{
    if (b->share == b->asked || now - b->lowered < b->patience) return false;
    if (load(b, now) >= RAISE_BELOW) return false;
    if (now - b->lowered > STEADY + b->patience) b->patience = PATIENCE;
    b->share = b->share < b->asked / 2 ? b->share * 2 : b->asked;
    b->raised = now;
    return true;
}

bool budget_look(struct budget *b, double now, const struct budget_bill *bill)
{
    bool has_changed = false;
    pay(b, now, bill);
    if (b->seconds < 0 || b->bytes < 0 || (bill->has_lost && now - b->lowered > LOST_AGAIN))
        has_changed = lower(b, now);
    else if (now - b->second >= 1)
        has_changed = raise(b, now);
    if (now - b->second >= 1) {
        b->second = now;
        memset(&b->sum, 0, sizeof b->sum);
    }
    assert(b->share > 0 && b->share <= b->asked);
    return has_changed;
}
