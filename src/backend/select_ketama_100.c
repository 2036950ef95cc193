#include <stdio.h>

#include "backend/select.h"

/* Ketama without weights, as libmemcached has it (BEHAVIOR_KETAMA; DISTRIBUTION_CONSISTENT is the same): 100 strings
 * "name-k" a server, each one point by the pool's own hash of it, not by MD5; that hash is one_at_a_time there unless told
 * otherwise. Keys go to the first point from their hash on. Once a server of more than 1 is added to such a ring,
 * libmemcached counts points as select_ketama.c does, and still hashes keys the same. Source: libmemcached 1.1.4 (update_continuum in
 * hosts.cc), measured against it. */
enum { POINTS_A_SERVER = 100 };

static void build(struct selector *s, const struct selector_server *servers)
{
    char text[SELECT_TEXT_MAX];
    for (uint32_t i = 0; i < s->servers; i++) {
        for (unsigned k = 0; k < POINTS_A_SERVER; k++) {
            int len = snprintf(text, sizeof text, "%s-%u", servers[i].name, k);
            ring_add(&s->ring, selector_hash(s, text, (size_t)len), i);
        }
    }
    ring_close(&s->ring);
}

const struct selector_kind select_ketama_100 = {.build = build, .pick = select_on_ring};
