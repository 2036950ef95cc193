#include <math.h>

#include "placement/select.h"

/* Ketama with the point count of npm's hashring, which npm's memcached uses. Source: hashring 3.2 (index.js), measured
 * against memcached 2.2.2.
 *
 * A server has 40 digests of "name-k" on average, computed in double arithmetic, without the 1e-10 that ketama adds before
 * it rounds down: so 49 equal servers get 39 each. The name is the server as the application wrote it, without port 11211. */
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
