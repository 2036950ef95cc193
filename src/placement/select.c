/* What kinds of selector share: see select.h. What only one family shares is with it: rings in select_ketama.c. */
#include "placement/select.h"

#include <stdlib.h>

uint32_t select_points(const struct selector_kind *kind, const struct selector_settings *settings)
{
    return kind->takes_points && settings->points ? settings->points : kind->per_weight;
}

void select_free_own(struct selector *s)
{
    free(s->own);
}
