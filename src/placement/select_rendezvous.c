#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "placement/hash_old.h"
#include "placement/select.h"

/* Rendezvous, or highest random weight. Source: mcrouter's Rendezvous and, when some weight is not 1, WeightedRendezvous
 * (lib/RendezvousHashHelper.h, lib/WeightedRendezvousHashFunc.cpp); select_mcrouter_test.c has mcrouter's numbers.
 *
 * The hash of the server's name and that of the key, both MurmurHash64A, are joined by CityHash's 128-to-64-bit step. That
 * number, as a double, is the server's score. With weights the score is weight / -ln(u), where u is the number's low 53
 * bits as a part of 1. The highest score wins; of equal ones the last. */
enum { SERVER_SEED = 4193360111, UNIT_BITS = 53 };
static const uint64_t key_seed = 2718281828;

struct candidates {
    bool weighted;
    struct candidate {
        uint64_t hash;
        double weight;
    } server[];
};

static void build(struct selector *s, const struct selector_server *servers)
{
    struct candidates *c = malloc(sizeof *c + sizeof c->server[0] * s->servers);
    if (!c) abort();
    c->weighted = false;
    for (uint32_t i = 0; i < s->servers; i++) {
        const char *name = servers[i].name;
        c->weighted |= servers[i].weight != 1;
        c->server[i] =
            (struct candidate){hash_murmur64a(name, strlen(name), SERVER_SEED), servers[i].weight};
    }
    s->own = c;
}

/* CityHash's Hash128to64. */
static uint64_t join(uint64_t server, uint64_t key)
{
    const uint64_t factor = 0x9ddfea08eb382d69;
    uint64_t x = (server ^ key) * factor;
    x = (server ^ x ^ x >> 47) * factor;
    return (x ^ x >> 47) * factor;
}

/* The number as a double, rounded once. The compiler's own conversion branches on the highest bit, and the processor
 * mispredicts that branch for one server in two. */
static double as_double(uint64_t x)
{
    return (double)(uint32_t)(x >> 32) * 0x1p32 + (double)(uint32_t)x;
}

/* Every server is scored for every key, so this loop is what a pick costs. A score equal to the highest replaces it. */
static void pick_even(const struct candidates *c, uint32_t servers, struct selector_choice *choice)
{
    double highest = 0;
    for (uint32_t i = 0; i < servers; i++) {
        double score = as_double(join(c->server[i].hash, choice->hash));
        if (score < highest) continue;
        highest = score;
        choice->server = i;
    }
}

/* Since -ln(u) >= 1 - u, a score is at most weight / (1 - u). A server whose bound is below the highest score needs no
 * logarithm, and most are. The factor makes the bound wider than rounding could. */
static void pick_weighted(const struct candidates *c, uint32_t servers,
                          struct selector_choice *choice)
{
    const double wider = 1 - 1e-6;
    double highest = 0;
    for (uint32_t i = 0; i < servers; i++) {
        uint64_t low = join(c->server[i].hash, choice->hash) & ((1ull << UNIT_BITS) - 1);
        double u = (double)(int64_t)low * 0x1p-53;
        if (c->server[i].weight < highest * (1 - u) * wider) continue;
        double score = c->server[i].weight * (1 / -log(u));
        if (score < highest) continue;
        highest = score;
        choice->server = i;
    }
}

static void pick(const struct selector *s, const void *key, size_t len,
                 struct selector_choice *choice)
{
    const struct candidates *c = s->own;
    choice->hash = hash_murmur64a(key, len, key_seed);
    (c->weighted ? pick_weighted : pick_even)(c, s->servers, choice);
}

const struct selector_kind select_rendezvous = {.hashes_itself = true,
                                                .takes_zero = true,
                                                .build = build,
                                                .pick = pick,
                                                .release = select_free_own};
