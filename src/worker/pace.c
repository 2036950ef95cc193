#include "worker/pace.h"

#include "base/latency.h"

/* Two spans of time, of which the older is forgotten when the younger is over. So what is shown goes back at least one span, and at
 * most two. */
static const double SPAN = 10; /* seconds */

void pace_end(struct pace *p, double now, struct board_row *row)
{
    uint64_t us = latency_us(now - p->began);
    if (p->began == 0) return;
    if (now >= p->until) {
        p->before = now < p->until + SPAN ? p->longest : 0;
        p->longest = 0;
        p->until = now + SPAN;
    }
    if (us > p->longest) p->longest = us;
    row->longest_turn_us = p->longest > p->before ? p->longest : p->before;
}
