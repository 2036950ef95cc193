/* What kinds of selector share: see select.h. What only one family shares is with it: rings in select_ketama.c. */
#include "placement/select.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

uint32_t select_points(const struct selector_kind *kind, const struct selector_settings *settings)
{
    return kind->takes_points && settings->points ? settings->points : kind->per_weight;
}

void select_free_own(struct selector *s)
{
    free(s->own);
}

size_t select_begin_text(char text[SELECT_TEXT_MAX], const char *name)
{
    size_t len = strlen(name);
    assert(len + 12 < SELECT_TEXT_MAX);
    memcpy(text, name, len);
    text[len++] = '-';
    return len;
}

size_t select_end_text(char text[SELECT_TEXT_MAX], size_t begin_len, uint32_t k)
{
    size_t len = begin_len;
    uint32_t left = k / 10;
    for (len++; left; left /= 10) len++;
    for (size_t at = len; at > begin_len; k /= 10) text[--at] = (char)('0' + k % 10);
    return len;
}
