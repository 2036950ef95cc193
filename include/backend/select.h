/* select: the kinds of selector, one a distribution; see selector.h. Constant. */
#ifndef MOONGATE_BACKEND_SELECT_H
#define MOONGATE_BACKEND_SELECT_H

#include "backend/selector.h"

#define X(name, text, meaning) extern const struct selector_kind select_##text;
DISTRIBUTIONS(X)
#undef X

/* For kinds whose answer is a point of s->ring: the point for the key's hash (a pick function). */
void select_on_ring(const struct selector *s, const void *key, size_t len,
                    struct selector_choice *choice);

#endif
