#include <assert.h>
#include <math.h>
#include <sha1.h>
#include <stdio.h>

#include "placement/select.h"

/* Dalli's ring. Source: dalli 3.0.6 (lib/dalli/ring.rb), measured against it.
 *
 * A point is the first 4 bytes, big-endian, of SHA-1 of "name:k". A server has 160 points on average, computed in double
 * arithmetic and rounded down. A key goes to the last point up to its hash, which is the CRC-32 of the key with its
 * namespace; a key before the first point goes to the last of all. The name is host:port, even for port 11211, or a
 * socket's path. */
enum { POINTS_A_SERVER = 160 };

static uint32_t point_of(const char *text, size_t len)
{
    uint8_t digest[SHA1_DIGEST_LENGTH];
    SHA1_CTX context;
    SHA1Init(&context);
    SHA1Update(&context, (const uint8_t *)text, len);
    SHA1Final(digest, &context);
    return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
           digest[3];
}

/* A server whose share rounds down to no point gets no keys, as in the original. */
static void build(struct selector *s, const struct selector_server *servers)
{
    char text[SELECT_TEXT_MAX];
    double total = select_total_weight(servers, s->servers);
    for (uint32_t i = 0; i < s->servers; i++) {
        double points = floor(s->servers * POINTS_A_SERVER * servers[i].weight / total);
        for (uint32_t k = 0; k < (uint32_t)points; k++) {
            int len = snprintf(text, sizeof text, "%s:%u", servers[i].name, k);
            assert(len > 0 && (size_t)len < sizeof text);
            ring_add(&s->ring, point_of(text, (size_t)len), i);
        }
    }
    ring_close(&s->ring);
}

/* The point before the first one above the hash. Before the first point comes the last one. That also covers the hash that
 * is the highest number: hash + 1 is 0 then, and the first point follows it. */
static void pick(const struct selector *s, const void *key, size_t len,
                 struct selector_choice *choice)
{
    const struct ring *ring = &s->ring;
    uint32_t hash = selector_hash(s, key, len);
    uint32_t above = (uint32_t)(ring_find(ring, hash + 1) - ring->points);
    const struct ring_point *point = &ring->points[above ? above - 1 : ring->points_n - 1];
    *choice = (struct selector_choice){
        .server = point->server, .hash = hash, .has_point = true, .point = point->value};
}

const struct selector_kind select_dalli = {.build = build, .pick = pick};
