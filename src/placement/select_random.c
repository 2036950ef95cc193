#include <stdlib.h>
#include <sys/random.h>

#include "placement/select.h"

/* Any server for any key, each as often as the others, like twemproxy's `random`. The numbers are those of SplitMix64
 * (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014). Each process seeds a generator for each
 * pool, so that workers do not use servers in the same order. This is the one kind whose pick changes something: the
 * generator in `own`. */
static void build(struct selector *s, const struct selector_server *servers)
{
    uint64_t *state = malloc(sizeof *state);
    if (!state || getrandom(state, sizeof *state, 0) != sizeof *state) abort();
    s->own = state;
}

static uint32_t next_number(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return (uint32_t)(x >> 32);
}

static void pick(const struct selector *s, const void *key, size_t len,
                 struct selector_choice *choice)
{
    choice->server = (uint32_t)((uint64_t)next_number(s->own) * s->servers >> 32);
}

const struct selector_kind select_random = {.ignores_names = true,
                                            .ignores_weights = true,
                                            .hashes_itself = true,
                                            .build = build,
                                            .pick = pick,
                                            .release = select_free_own};
