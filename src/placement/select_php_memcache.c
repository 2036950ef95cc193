#include <stdlib.h>

#include "placement/select.h"

/* php-memcache's consistent strategy, its default since 3.0. Source: pecl-memcache 4.0.5.2 (memcache_consistent_hash.c),
 * measured against it.
 *
 * A server has 160 points times its weight, each the pool's hash of "name-k": crc32a, or fnv1a_32 if memcache.hash_function
 * = fnv. Keys do not search the ring. 1024 buckets, spread evenly over it, each hold the first point from their place on,
 * and a key goes to bucket hash % 1024. The name is host:port, even for port 11211, or unix:///path:0. */
enum { POINTS_A_SERVER = 160, BUCKETS = 1024 };

static const uint32_t step = UINT32_MAX / BUCKETS;

static void build(struct selector *s, const struct selector_server *servers)
{
    for (uint32_t i = 0; i < s->servers; i++)
        select_add_hashed(s, servers[i].name, i, (uint32_t)servers[i].weight * POINTS_A_SERVER);
    ring_close(&s->ring); /* for the search of the buckets' points only */
    struct ring_point *buckets = calloc(BUCKETS, sizeof *buckets);
    if (!buckets) abort();
    for (uint32_t b = 0; b < BUCKETS; b++) buckets[b] = *ring_find(&s->ring, step * b);
    ring_release(&s->ring);
    s->own = buckets;
}

/* The ring is gone by now: the 1024 answers are all that is kept of it. */
static void pick(const struct selector *s, const void *key, size_t len,
                 struct selector_choice *choice)
{
    const struct ring_point *buckets = s->own;
    uint32_t hash = selector_hash(s, key, len);
    const struct ring_point *bucket = &buckets[hash % BUCKETS];
    *choice = (struct selector_choice){
        .server = bucket->server, .hash = hash, .has_point = true, .point = bucket->value};
}

const struct selector_kind select_php_memcache = {
    .per_weight = POINTS_A_SERVER, .build = build, .pick = pick, .release = select_free_own};
