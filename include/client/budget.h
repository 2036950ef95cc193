/* budget: which share of the keys a worker records, so that recording takes a small part of its time, and bounded bytes.
 *
 * A plain value of its feed (client/feed.h), which owns it. Worker only. Time is the turn's, in seconds of the monotonic clock.
 */
#ifndef MOONGATE_CLIENT_BUDGET_H
#define MOONGATE_CLIENT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* What was spent since the last look. */
struct budget_bill {
    double
        worked; /* seconds of processor time that the worker has had, for all it does; or a part of the time, if it had less to do */
    double seconds; /* of that on requests that are recorded, and on sending */
    uint64_t bytes; /* that were made */
    bool has_lost;  /* some had no room: the reader is slow */
};

/* Invariant: 0 < share <= asked. */
struct budget {
    uint32_t asked, share; /* of UINT32_MAX keys */
    double at;             /* of the last look */
    double seconds, bytes; /* that may be spent now; below 0: too much was */
    double second;         /* when the present second began */
    struct {
        double worked, seconds, bytes;
    } sum;                  /* in it */
    double lowered, raised; /* when the share was, last */
    double patience;        /* seconds without a lower share after which it is raised */
};

/* asked: above 0. */
void budget_begin(struct budget *b, uint32_t asked, double now);

/* True: the share has changed. */
bool budget_look(struct budget *b, double now, const struct budget_bill *bill);

#endif
