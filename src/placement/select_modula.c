#include <assert.h>
#include <stdlib.h>

#include "placement/select.h"

/* The hash modulo slots: each server, in the pool's order, has as many slots in a row as its weight is. With weights of 1
 * this is the plain modulo of libmemcached 1.1.4 by default and of gomemcache; with weights it is the modula of twemproxy
 * 0.5.0, of Cache::Memcached 1.30 and of python-memcached 1.59. */
struct slots {
    uint32_t n;
    uint32_t server[];
};

/* A table of slots: a pick is one modulo and one load, whatever the weights. selector_refuses bounds its size. */
static void build(struct selector *s, const struct selector_server *servers)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->servers; i++) n += (uint32_t)servers[i].weight;
    struct slots *slots = malloc(sizeof *slots + sizeof slots->server[0] * n);
    if (!slots) abort();
    slots->n = 0;
    for (uint32_t i = 0; i < s->servers; i++) {
        for (uint32_t w = 0; w < (uint32_t)servers[i].weight; w++) slots->server[slots->n++] = i;
    }
    assert(slots->n == n && n >= s->servers);
    s->own = slots;
}

static void pick(const struct selector *s, const void *key, size_t len,
                 struct selector_choice *choice)
{
    const struct slots *slots = s->own;
    choice->hash = selector_hash(s, key, len);
    choice->server = slots->server[(uint32_t)choice->hash % slots->n];
}

/* nodeproxy's: Java's remainder of the hash as a signed number; when that is negative, plus the divisor. */
static void pick_signed(const struct selector *s, const void *key, size_t len,
                        struct selector_choice *choice)
{
    const struct slots *slots = s->own;
    choice->hash = selector_hash(s, key, len);
    int64_t rest = (int64_t)(int32_t)choice->hash % (int64_t)slots->n;
    choice->server = slots->server[rest < 0 ? rest + slots->n : rest];
}

const struct selector_kind select_modula = {.ignores_names = true,
                                            .per_weight = 1,
                                            .build = build,
                                            .pick = pick,
                                            .release = select_free_own};
const struct selector_kind select_modula_signed = {.ignores_names = true,
                                                   .per_weight = 1,
                                                   .build = build,
                                                   .pick = pick_signed,
                                                   .release = select_free_own};
