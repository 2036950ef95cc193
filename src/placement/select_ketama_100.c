#include <stdio.h>

#include "placement/select.h"

/* Ketama without weights, as libmemcached has it (BEHAVIOR_KETAMA; DISTRIBUTION_CONSISTENT is the same): 100 strings
 * "name-k" a server, each one point by the pool's own hash of it, not by MD5; that hash is one_at_a_time there unless told
 * otherwise. Keys go to the first point from their hash on. A server that weighs more than 1 turns such a ring into the
 * weighted one of select_ketama.c, as it is added; keys are still hashed as before. Source: libmemcached 1.1.4 (hosts.cc:
 * update_continuum and server_add), measured against it. */
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
    for (uint32_t k = 0; k < points; k++) {
        int len = snprintf(text, sizeof text, "%s-%u", name, k);
        ring_add(&s->ring, selector_hash(s, text, (size_t)len), server);
    }
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
