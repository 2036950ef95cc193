#include <math.h>

#include "placement/select.h"

/* Ketama as npm's hashring 3.2 counts it, which npm's memcached uses: digests of "name-k", 40 a server on average, in
 * double arithmetic and without ketama's tiny surplus, so that 49 equal servers get 39 each. The name is the server as the
 * application wrote it, without port 11211. Source: hashring's index.js, measured against memcached 2.2.2. */
enum { DIGESTS_A_SERVER = 40 };

static void build(struct selector *s, const struct selector_server *servers)
{
    double total = select_total_weight(servers, s->servers);
    for (uint32_t i = 0; i < s->servers; i++) {
        double share = servers[i].weight / total;
        double digests = floor(share * DIGESTS_A_SERVER * s->servers);
        select_add_digests(&s->ring, servers[i].name, i, (uint32_t)digests);
    }
    ring_close(&s->ring);
}

const struct selector_kind select_hashring = {.build = build, .pick = select_on_ring};
