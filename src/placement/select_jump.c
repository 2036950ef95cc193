#include "placement/select.h"

/* Jump consistent hash. Source: Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm" (2014).
 *
 * The key's hash seeds a generator. Each number drawn from it gives the next number of servers at which the key moves, and
 * then it moves to the last server. So a server that is added at the end takes keys, and no other key moves. Over all 64
 * bits of xxh3 with a seed this is what memcached's own proxy does (its proxy_jump_hash.c). Weights are ignored. */
static void build(struct selector *s, const struct selector_server *servers)
{
}

uint32_t select_jump_place(uint64_t hash, uint32_t servers)
{
    int64_t at = 0, next = 0;
    while (next < servers) {
        at = next;
        hash = hash * 2862933555777941757u + 1;
        next = (int64_t)((double)(at + 1) * ((double)(1ll << 31) / (double)((hash >> 33) + 1)));
    }
    return (uint32_t)at;
}

static void pick(const struct selector *s, const void *key, size_t len,
                 struct selector_choice *choice)
{
    choice->hash = selector_hash(s, key, len);
    choice->server = select_jump_place(choice->hash, s->servers);
}

const struct selector_kind select_jump = {
    .ignores_names = true, .ignores_weights = true, .build = build, .pick = pick};
