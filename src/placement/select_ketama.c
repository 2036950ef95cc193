#include <assert.h>
#include <math.h>

#include "placement/hash.h"
#include "placement/select.h"

enum { POINTS_A_SERVER = 160, POINTS_A_DIGEST = 4 };

/* Ketama with weights: libmemcached's BEHAVIOR_KETAMA_WEIGHTED, and twemproxy. Source: libmemcached 1.1.4 and twemproxy
 * 0.5.0, measured against both.
 *
 * MD5 of "name-k" gives four points, and a server has 160 on average. The originals round each step to float: 25 equal
 * servers get 156 points each, not 160. The volatiles keep a compiler from computing the steps with more digits. */
uint32_t select_ketama_digests(double weight, double total, uint32_t servers)
{
    volatile float share = (float)weight / (float)total;
    volatile float points = share * (float)POINTS_A_SERVER;
    points = points / (float)POINTS_A_DIGEST;
    points = points * (float)servers;
    points = (float)((double)points + 1e-10);
    return (uint32_t)floorf(points);
}

void select_add_digests(struct ring *ring, const char *name, uint32_t server, uint32_t digests)
{
    char text[SELECT_TEXT_MAX];
    size_t name_len = select_begin_text(text, name);
    for (uint32_t k = 0; k < digests; k++) {
        uint32_t words[POINTS_A_DIGEST];
        hash_md5_words(text, select_end_text(text, name_len, k), words);
        for (unsigned i = 0; i < POINTS_A_DIGEST; i++) ring_add(ring, words[i], server);
    }
}

double select_total_weight(const struct selector_server *servers, uint32_t n)
{
    double total = 0;
    for (uint32_t i = 0; i < n; i++) total += servers[i].weight;
    return total;
}

static void build(struct selector *s, const struct selector_server *servers)
{
    double total = select_total_weight(servers, s->servers);
    for (uint32_t i = 0; i < s->servers; i++) {
        uint32_t digests = select_ketama_digests(servers[i].weight, total, s->servers);
        select_add_digests(&s->ring, servers[i].name, i, digests);
    }
    ring_close(&s->ring);
}

void select_on_ring(const struct selector *s, const void *key, size_t len,
                    struct selector_choice *choice)
{
    choice->hash = selector_hash(s, key, len);
    const struct ring_point *point = ring_find(&s->ring, (uint32_t)choice->hash);
    choice->server = point->server;
    choice->has_point = true;
    choice->point = point->value;
}

const struct selector_kind select_ketama = {.build = build, .pick = select_on_ring};
