#include <assert.h>
#include <string.h>

#include "placement/hash_old.h"
#include "placement/select.h"

/* The ring of Cache::Memcached::Fast with ketama_points: a server has that many points times its weight, rounded to the
 * nearest. Each is the CRC-32 of host, a zero byte, port, and the four bytes, little-endian, of the point before, which is
 * 0 for the first. Keys, without their namespace unless hash_namespace says so, go by CRC-32 to the first point from their
 * hash on. A socket is a host without a port. How many points there are is for the application to say; 150 is what the
 * module's manual shows. Without ketama_points the module does as Cache::Memcached does. Source: Cache::Memcached::Fast 0.28
 * (src/dispatch_key.c), measured against it. */
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
