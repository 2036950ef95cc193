#include "lib/generated.h"

#include <stdlib.h>

unsigned generated_below(struct generating *g, unsigned n)
{
    return (unsigned)rand_r(&g->seed) % n;
}

bool generated_once_in(struct generating *g, unsigned n)
{
    return generated_below(g, n) == 0;
}

const char *generated_one_of(struct generating *g, const char *const *words, size_t n)
{
    return words[generated_below(g, (unsigned)n)];
}
