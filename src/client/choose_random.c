#include <stdlib.h>

#include "client/chooser.h"

/* Any child, each time anew. */
static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    return (uint32_t)lrand48() % route->children_n;
}

const struct chooser choose_random = {.choose = choose};
