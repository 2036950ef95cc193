#include "protocol/place.h"
#include "route/chooser.h"

/* The second child for requests that belong to one place. */
static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    return request_has_place(r);
}

const struct chooser choose_place = {.choose = choose};
