#include <time.h>

#include "client/chooser.h"

enum { ABSOLUTE_FROM = 60 * 60 * 24 * 30 }; /* longer exptimes are moments: seconds since 1970 */

/* Seconds that an exptime gives a key to live; 0: for ever; below 0: it is gone at once. */
static double life_of(double exptime)
{
    if (exptime <= ABSOLUTE_FROM) return exptime;
    double left = exptime - (double)time(NULL);
    return left > 0 ? left : -1;
}

/* What a client lets die at once is never given a life. Commands without an exptime are sent as they are: nothing of it is in
 * their lines. */
static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    const struct route_options *o = &route->options;
    double life = life_of(r->exptime);
    if (life >= 0 && (!o->cap || life == 0 || life > o->seconds)) r->exptime = o->seconds;
    return 0;
}

const struct chooser choose_exptime = {.choose = choose};
