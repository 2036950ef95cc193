/* Placement: from a key to the index of one of a pool's servers.
 *
 * The floor is pure. It knows names, weights and a key, and no connection, loop or server; so it can be compared with other
 * programs without any of them running.
 *
 * What a placement must never do: change without being asked. A cache is where its keys are. When the same key with the
 * same list of servers gives another server after an upgrade, a reload or on another machine, every such key is a miss, and
 * a write leaves a stale copy behind. Hence:
 *
 * - A selector is built once, for one list of servers, and only read afterwards. A pool whose servers change builds another one
 *   (backend/pool.c). The one exception is `random`, which places no key: its pick advances a generator.
 * - The answer depends on nothing but the settings, the list (names, weights, and their order where the distribution counts
 *   positions) and the key. Addresses, the health of servers, the time and the order of requests have no part in it.
 * - Bytes are signed or unsigned, and words are little-endian, as in the original on x86, whatever the machine.
 * - A row of HASHES or DISTRIBUTIONS, once released, keeps its numbers. Another system, or a version of one that counts in
 *   another way, is a row of its own.
 *
 * Three things decide a placement, and a pool's `like` (lua/moongate/like.lua) sets all three:
 *
 * 1. The hash turns a key, and in some kinds a server's name, into a number: hash.c, hash_old.c, hash_words.c, hash_spooky.c.
 * 2. The name is what the distribution hashes for a server. Systems differ on it: with or without port 11211, with a slash, with
 *    ":0" behind a socket's path (server_ring_name in discovery/server.c). The selector takes it as it comes.
 * 3. The distribution turns the number into a server: a kind each, in select_*.c. Each says its source there, by name and
 *    version.
 *
 * Distributions are of three families. A ring (ring.c) has many points for each server, and a key goes to the first point
 * from its hash on: one server more or less moves only the keys of its points. A scoring kind (rendezvous, pymemcache)
 * compares all servers for each key. A counting kind (modula, jump, ch3) computes a position in the list, so the order of
 * the list matters, and jump and ch3 move few keys only when a server comes or goes at the end.
 *
 * Weights are as foreign as the rest. To ketama and its like a weight is a share of all points, rounded in float or in
 * double, which shows in the number of points (156 instead of 160 for 25 equal servers). To modula it is a number of slots,
 * to fast_ketama and php_memcache a number of points, to weighted_ch3 the part of its keys that a server takes, to
 * rendezvous a factor of its score. jump and pymemcache have no weights. struct selector_kind says which of these holds,
 * and selector_refuses turns away what the original cannot express, before anything is built.
 *
 * How this is proved: every hash has known values from other programs or libraries (tests/unit/placement/hash_test.c), and
 * distributions have placements that the original computed (selector_test.c, select_clients_test.c, select_mcrouter_test.c).
 * The originals themselves run too: client libraries write keys to real servers, and moongate must
 * find them (tests/placement/run); nutcracker and moongate read each other's keys (tests/e2e/servers/twemproxy_test.c).
 * movement_test.c counts the keys that move when a server comes or goes. mcrouter could not be run: its numbers are those of its
 * tests and its code. nodeproxy could not be obtained: nothing compares modula_signed with it.
 */
#include "placement/selector.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "placement/select.h"

/* The only list of kinds: the name that scripts write, and what runs. */
static const struct {
    const char *name;
    const struct selector_kind *kind;
} distributions[DISTRIBUTION_COUNT] = {
#define X(name, text, meaning) [DISTRIBUTION_##name] = {#text, &select_##text},
    DISTRIBUTIONS(X)
#undef X
};

enum distribution distribution_find(const char *name, size_t len)
{
    for (unsigned i = 0; i < DISTRIBUTION_COUNT; i++) {
        const char *known = distributions[i].name;
        if (strlen(known) == len && memcmp(known, name, len) == 0) return (enum distribution)i;
    }
    return DISTRIBUTION_COUNT;
}

const char *distribution_name(enum distribution distribution)
{
    assert(distribution < DISTRIBUTION_COUNT);
    return distributions[distribution].name;
}

bool distribution_hashes_itself(enum distribution distribution)
{
    assert(distribution < DISTRIBUTION_COUNT);
    return distributions[distribution].kind->hashes_itself;
}

bool distribution_takes_points(enum distribution distribution)
{
    return distributions[distribution].kind->takes_points;
}

bool distribution_ignores_weights(enum distribution distribution)
{
    return distributions[distribution].kind->ignores_weights;
}

bool distribution_ignores_names(enum distribution distribution)
{
    return distributions[distribution].kind->ignores_names;
}

double distribution_usual_weight(enum distribution distribution)
{
    double usual = distributions[distribution].kind->usual_weight;
    return usual > 0 ? usual : 1;
}

/* I6: a script's weights cannot make a ring larger than this: 128 MB of points. */
enum { PLACES_MAX = 1 << 24 };

/* Weights that the original has no meaning for. It would divide by them, or silently read another weight. */
static const char *refuses_weight(const struct selector_kind *kind, double weight)
{
    if (weight == 0 && !kind->takes_zero)
        return "has a server of weight 0, which its distribution cannot place: leave the server "
               "out";
    if (kind->takes_parts && weight > 1)
        return "has a weight above 1; its distribution takes parts of 1, such as 0.5";
    return NULL;
}

const char *selector_refuses(const struct selector_settings *settings,
                             const struct selector_server *servers, uint32_t n)
{
    assert(settings->distribution < DISTRIBUTION_COUNT);
    const struct selector_kind *kind = distributions[settings->distribution].kind;
    double places = 0;
    for (uint32_t i = 0; i < n; i++) {
        double weight = servers[i].weight;
        const char *wrong = refuses_weight(kind, weight);
        if (wrong) return wrong;
        if (!kind->per_weight) continue;
        if (!kind->takes_fractions && weight != floor(weight))
            return "has weights that are not whole numbers; its distribution takes whole numbers "
                   "only";
        double own = floor(weight * select_points(kind, settings) + 0.5);
        if (own < 1) return "has a weight so small that its server gets no point";
        places += own;
    }
    if (places > PLACES_MAX)
        return "has weights so large that they take more than 16 million places";
    return NULL;
}

/* One server has nothing to build; a kind that can free what it keeps in `own` has kept something there. */
static bool selector_sane(const struct selector *s)
{
    if (!s->kind || s->servers == 0) return false;
    if (s->servers == 1) return !s->own && s->ring.points_n == 0;
    return (s->own != NULL) == (s->kind->release != NULL);
}

void selector_init(struct selector *s, const struct selector_settings *settings,
                   const struct selector_server *servers, uint32_t n)
{
    assert(n > 0 && settings->distribution < DISTRIBUTION_COUNT && settings->hash < HASH_COUNT);
    *s = (struct selector){
        .kind = distributions[settings->distribution].kind, .settings = *settings, .servers = n};
    if (n > 1) s->kind->build(s, servers);
    assert(selector_sane(s));
}

void selector_release(struct selector *s)
{
    assert(!s->kind || selector_sane(s));
    ring_release(&s->ring);
    if (s->own) s->kind->release(s);
    *s = (struct selector){0};
}

struct selector_choice selector_pick(const struct selector *s, const void *key, size_t len)
{
    struct selector_choice choice = {0};
    if (s->servers > 1) s->kind->pick(s, key, len, &choice);
    return choice;
}
