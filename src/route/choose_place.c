#include "protocol/place.h"
#include "route/chooser.h"

/* I12: the second child for requests that belong to one place, so that a script can keep them from policies that spread
 * requests. */
static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    return request_has_place(r);
}

const struct chooser choose_place = {.choose = choose};
