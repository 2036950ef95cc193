#include "placement/select.h"

/* Ketama of spymemcached's KetamaNodeLocator. Source: spymemcached 2.12.3, measured against it.
 *
 * Without weights a server has 40 digests of "name-k", however many servers there are: 160 points, where libmemcached's
 * rounding may give 156. With weights the count is ketama's, in float arithmetic. When servers have the same point, the
 * last one keeps it. The name is host/ip:port, or ip:port for a server that was given by its address. */
enum { DIGESTS_A_SERVER = 40 };

/* moongate cannot tell equal weights from none: the application that gives equal ones gets the ring without. */
static bool all_weigh_alike(const struct selector_server *servers, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        if (servers[i].weight != servers[0].weight) return false;
    }
    return true;
}

/* The ring takes the first of equal points, so all of them get the last one's server. */
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
