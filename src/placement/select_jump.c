#include "placement/select.h"

/* Jump consistent hash (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014): the key draws numbers from
 * a generator that its hash seeds, and each tells to which number of servers it stays where it is. Over the hash's 64 bits, xxh3
 * with the pool's seed that is memcached's own proxy (proxy_jump_hash.c). Weights have no say. */
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

const struct selector_kind select_jump = {.build = build, .pick = pick};
