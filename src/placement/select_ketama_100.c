#include "placement/select.h"

/* Ketama without weights: libmemcached's BEHAVIOR_KETAMA, which is the same as DISTRIBUTION_CONSISTENT. Source:
 * libmemcached 1.1.4 (hosts.cc: update_continuum and server_add), measured against it.
 *
 * A server has 100 strings "name-k". Each makes one point, by the pool's own hash and not by MD5; libmemcached's default
 * for that hash is one_at_a_time. A key goes to the first point from its hash on. When a server with a weight above 1 is
 * added, libmemcached turns the ring into the weighted one of select_ketama.c, and still hashes keys as before. */
enum { POINTS_A_SERVER = 100 };

static bool has_weights(const struct selector_server *servers, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (servers[i].weight > 1) return true;
    }
    return false;
}

void select_add_hashed(struct selector *s, const char *name, uint32_t server, uint32_t points)
{
    char text[SELECT_TEXT_MAX];
    size_t name_len = select_begin_text(text, name);
    for (uint32_t k = 0; k < points; k++)
        ring_add(&s->ring, selector_hash(s, text, select_end_text(text, name_len, k)), server);
}

static void build(struct selector *s, const struct selector_server *servers)
{
    if (has_weights(servers, s->servers)) {
        select_ketama.build(s, servers);
        return;
    }
    for (uint32_t i = 0; i < s->servers; i++)
        select_add_hashed(s, servers[i].name, i, POINTS_A_SERVER);
    ring_close(&s->ring);
}

const struct selector_kind select_ketama_100 = {.build = build, .pick = select_on_ring};
