#include <assert.h>
#include <string.h>

#include "placement/hash_old.h"
#include "placement/select.h"

/* The ring of Cache::Memcached::Fast with ketama_points. Source: Cache::Memcached::Fast 0.28 (src/dispatch_key.c), measured
 * against it.
 *
 * A server has ketama_points times its weight points, rounded to the nearest. A point is the CRC-32 of host, a zero byte,
 * port, and the point before it in four bytes, little-endian; 0 comes before the first. A key goes by its CRC-32, without
 * its namespace unless hash_namespace is set, to the first point from its hash on. A socket is a host without a port. The
 * application chooses the number of points; 150 is the example in the module's manual. Without ketama_points the module
 * places keys as Cache::Memcached does. */
enum { USUAL_POINTS = 150 };

/* "host:port", split at its last colon. */
static size_t write_server(const char *name, uint8_t *text)
{
    size_t len = strlen(name);
    const char *colon = strrchr(name, ':');
    assert(len + 5 <= SELECT_TEXT_MAX);
    memcpy(text, name, len);
    if (!colon)
        text[len++] = 0;
    else
        text[colon - name] = 0;
    return len;
}

/* Each point seeds the next, so they can only be computed in order. */
static void add_points(struct ring *ring, const char *name, uint32_t server, uint32_t points)
{
    uint8_t text[SELECT_TEXT_MAX];
    size_t len = write_server(name, text);
    uint32_t point = 0;
    for (uint32_t k = 0; k < points; k++) {
        for (unsigned i = 0; i < 4; i++) text[len + i] = (uint8_t)(point >> 8 * i);
        point = hash_crc32a(text, len + 4);
        ring_add(ring, point, server);
    }
}

static void build(struct selector *s, const struct selector_server *servers)
{
    double points = select_points(s->kind, &s->settings);
    for (uint32_t i = 0; i < s->servers; i++)
        add_points(&s->ring, servers[i].name, i, (uint32_t)(points * servers[i].weight + 0.5));
    ring_close(&s->ring);
}

const struct selector_kind select_fast_ketama = {.per_weight = USUAL_POINTS,
                                                 .takes_points = true,
                                                 .takes_fractions = true,
                                                 .build = build,
                                                 .pick = select_on_ring};
