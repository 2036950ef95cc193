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
