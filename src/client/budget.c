/* Two accounts, of time and of bytes: each gets its part of every second that goes by, up to that of BURST seconds, and pays what was
 * spent. When one is empty the share is halved, and the account gets a quarter of that, so that the effect is seen before it is halved
 * again. When a whole second has used less than RAISE_BELOW, the share is doubled, as its double would fit then. After a share that
 * was too large, it waits: longer each time, so that a steady load is not recorded too much again and again.
 *
 * Seconds are those of the clock, idle ones too: what a service cannot do while it records is a part of all its time, and a service with
 * little to do is recorded whole.
 *
 * Looking at each key costs the same whatever the share is. So it counts, but never leaves less than a quarter to the requests that
 * are recorded: else a share that is too large for nothing but this would become ever smaller. */
#include "client/budget.h"

#include <assert.h>

static const double TIME = 0.010;               /* of each second */
static const double BYTES = 24.0 * 1024 * 1024; /* a second */
static const double BURST = 1;                  /* seconds */
static const double LOST_AGAIN = 0.2;  /* seconds until it is lowered again for a slow reader */
static const double RAISE_BELOW = 0.4; /* of the budget */
static const double PATIENCE = 1, PATIENCE_MOST = 64, STEADY = 10; /* seconds */
static const double LOOKING_MOST = 0.75;                           /* of the budget */

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
                         .seconds = BURST * TIME / 2,
                         .bytes = BURST * BYTES / 2,
                         .second = now,
                         .raised = now - STEADY,
                         .lowered = now - STEADY,
                         .patience = PATIENCE};
}

static void pay(struct budget *b, double now, const struct budget_bill *bill)
{
    double passed = now > b->at ? now - b->at : 0;
    double seconds = bill->seconds + less(bill->looking, passed * TIME * LOOKING_MOST);
    b->at = now;
    b->seconds = less(b->seconds + passed * TIME, BURST * TIME) - seconds;
    b->bytes = less(b->bytes + passed * BYTES, BURST * BYTES) - (double)bill->bytes;
    b->load +=
        seconds / TIME > (double)bill->bytes / BYTES ? seconds / TIME : (double)bill->bytes / BYTES;
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
static bool raise(struct budget *b, double now, double load)
{
    if (b->share == b->asked || load >= RAISE_BELOW || now - b->lowered < b->patience) return false;
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
        has_changed = raise(b, now, b->load / (now - b->second));
    if (now - b->second >= 1) {
        b->second = now;
        b->load = 0;
    }
    assert(b->share > 0 && b->share <= b->asked);
    return has_changed;
}
