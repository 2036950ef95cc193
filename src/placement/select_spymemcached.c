#include "placement/select.h"

/* Ketama as spymemcached's KetamaNodeLocator has it: 40 digests of "name-k" a server, however many there are, where no
 * weights are given; ketama's count in float arithmetic where they are. That leaves 160 points where libmemcached's
 * rounding leaves 156. Of servers with the same point the last one keeps it. The name is host/ip:port, or ip:port for a
 * server known by its address. Source: spymemcached 2.12.3, measured against it. */
enum { DIGESTS_A_SERVER = 40 };

static bool all_weigh_alike(const struct selector_server *servers, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        if (servers[i].weight != servers[0].weight) return false;
    }
    return true;
}

static void last_one_keeps_its_point(struct ring *ring)
{
    for (uint32_t i = ring->points_n - 1; i > 0; i--) {
        struct ring_point *before = &ring->points[i - 1];
        if (before->value == ring->points[i].value) before->server = ring->points[i].server;
    }
}

static void build(struct selector *s, const struct selector_server *servers)
{
    bool alike = all_weigh_alike(servers, s->servers);
    double total = select_total_weight(servers, s->servers);
    for (uint32_t i = 0; i < s->servers; i++) {
        uint32_t weighted = select_ketama_digests(servers[i].weight, total, s->servers);
        select_add_digests(&s->ring, servers[i].name, i, alike ? DIGESTS_A_SERVER : weighted);
    }
    ring_close(&s->ring);
    last_one_keeps_its_point(&s->ring);
}

const struct selector_kind select_spymemcached = {.build = build, .pick = select_on_ring};
