#include "backend/selector.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/slab.h"

enum { POINTS_A_SERVER = 160, POINTS_A_DIGEST = 4 };

static const char *const names[DISTRIBUTION_COUNT] = {
#define X(name, text, meaning) [DISTRIBUTION_##name] = text,
    DISTRIBUTIONS(X)
#undef X
};

enum distribution distribution_find(const char *name, size_t len)
{
    for (unsigned i = 0; i < DISTRIBUTION_COUNT; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return (enum distribution)i;
    }
    return DISTRIBUTION_COUNT;
}

const char *distribution_name(enum distribution distribution)
{
    return names[distribution];
}

/* --- ketama ------------------------------------------------------------------------------------ */

/* Digests for a server, four points each. The steps are rounded to float one by one, as on the systems that we match: with 25
 * equal servers each gets 156 points, not 160. */
static uint32_t digests_of(uint32_t weight, uint32_t total, uint32_t servers)
{
    volatile float share = (float)weight / (float)total;
    volatile float points = share * (float)POINTS_A_SERVER;
    points = points / (float)POINTS_A_DIGEST;
    points = points * (float)servers;
    points = (float)((double)points + 1e-10);
    return (uint32_t)floorf(points);
}

static uint32_t add_points(struct selector_point *to, const char *name, uint32_t server,
                           uint32_t digests)
{
    char text[512];
    for (uint32_t k = 0; k < digests; k++) {
        uint32_t words[4];
        int len = snprintf(text, sizeof text, "%s-%u", name, k);
        hash_md5_words(text, (size_t)len, words);
        for (unsigned i = 0; i < 4; i++) to[4 * k + i] = (struct selector_point){words[i], server};
    }
    return digests * POINTS_A_DIGEST;
}

static int compare_points(const void *a, const void *b)
{
    const struct selector_point *p = a, *q = b;
    if (p->value != q->value) return p->value < q->value ? -1 : 1;
    return (p->server > q->server) - (p->server < q->server);
}

/* About as many buckets as points: a look-up then takes one step into the index and one or two along the points. */
static void build_index(struct selector *s)
{
    unsigned bits = 1;
    while (bits < 24 && (1u << bits) < s->points_n) bits++;
    uint32_t buckets = 1u << bits;
    s->shift = 32 - bits;
    s->start = slab_borrow(sizeof *s->start * buckets);
    uint32_t point = 0;
    for (uint32_t b = 0; b < buckets; b++) {
        while (point < s->points_n && s->points[point].value < b << s->shift) point++;
        s->start[b] = point;
    }
}

static void build_ring(struct selector *s, const struct selector_server *servers)
{
    uint32_t total = 0, all = 0;
    for (uint32_t i = 0; i < s->servers; i++) total += servers[i].weight;
    for (uint32_t i = 0; i < s->servers; i++)
        all += digests_of(servers[i].weight, total, s->servers) * POINTS_A_DIGEST;
    s->points = slab_borrow(sizeof *s->points * (all ? all : 1));
    for (uint32_t i = 0; i < s->servers; i++) {
        uint32_t digests = digests_of(servers[i].weight, total, s->servers);
        s->points_n += add_points(s->points + s->points_n, servers[i].name, i, digests);
    }
    qsort(s->points, s->points_n, sizeof *s->points, compare_points);
    build_index(s);
}

static uint32_t ring_pick(const struct selector *s, uint32_t hash)
{
    uint32_t i = s->start[hash >> s->shift];
    while (i < s->points_n && s->points[i].value < hash) i++;
    return s->points[i < s->points_n ? i : 0].server;
}

/* --- any --------------------------------------------------------------------------------------- */

void selector_init(struct selector *s, enum distribution distribution,
                   const struct selector_server *servers, uint32_t n)
{
    assert(n > 0);
    *s = (struct selector){.distribution = distribution, .servers = n};
    if (distribution == DISTRIBUTION_KETAMA && n > 1) build_ring(s, servers);
}

void selector_release(struct selector *s)
{
    if (s->points) slab_return(s->points, sizeof *s->points * s->points_n);
    if (s->start) slab_return(s->start, sizeof *s->start << (32 - s->shift));
    *s = (struct selector){0};
}

uint32_t selector_pick(const struct selector *s, uint32_t hash)
{
    if (s->servers == 1) return 0;
    return s->points_n ? ring_pick(s, hash) : hash % s->servers;
}
