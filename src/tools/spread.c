/* Whether keys spread evenly is the first question about a distribution or a new list of servers. Two numbers answer it for a
 * pool: the largest server's keys to the mean (the server that is full first), and the standard deviation in percent of the mean
 * (how uneven the rest is). Shares of a server are of its pool, shares of a pool of all keys.
 */
#include "tools/spread.h"

#include <assert.h>

#include <math.h>
#include <stdlib.h>

#include "base/json.h"

void spread_init(struct spread *s, const struct script *script)
{
    *s = (struct spread){.keys = 0};
    places_init(&s->places, script);
    s->counts = calloc(places_n(&s->places), sizeof *s->counts);
    if (!s->counts) abort();
}

void spread_release(struct spread *s)
{
    places_release(&s->places);
    free(s->counts);
}

void spread_count(struct spread *s, const struct explanation *x)
{
    uint32_t place = places_find(&s->places, x);
    assert(place < places_n(&s->places));
    s->counts[place]++;
    s->keys++;
}

/* --- the numbers of a pool --------------------------------------------------------------------- */

struct skew {
    uint64_t keys;
    uint32_t servers;
    double largest_to_mean;
    double deviation; /* standard deviation, in percent of the mean */
};

/* Weights are left out: what a weight does to a server's share differs between distributions. Without keys the ratios are not
 * numbers, and are not printed. */
static struct skew pool_skew(const struct spread *s, uint32_t pool)
{
    const uint64_t *counts = s->counts + s->places.first[pool];
    struct skew k = {.servers = s->places.pools[pool]->members_n};
    uint64_t largest = 0;
    double squares = 0;
    assert(pool < s->places.pools_n);
    for (uint32_t i = 0; i < k.servers; i++) {
        k.keys += counts[i];
        if (counts[i] > largest) largest = counts[i];
    }
    double mean = (double)k.keys / k.servers;
    for (uint32_t i = 0; i < k.servers; i++)
        squares += ((double)counts[i] - mean) * ((double)counts[i] - mean);
    k.largest_to_mean = (double)largest / mean;
    k.deviation = 100 * sqrt(squares / k.servers) / mean;
    return k;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

/* "1 key", "2 keys" */
static const char *keys_word(uint64_t n)
{
    return n == 1 ? "key" : "keys";
}

/* --- printing ---------------------------------------------------------------------------------- */

static void print_pool(const struct spread *s, uint32_t pool, FILE *out)
{
    struct skew k = pool_skew(s, pool);
    fprintf(out, "pool %s: %llu %s, %.1f %%", s->places.pools[pool]->settings.name,
            (unsigned long long)k.keys, keys_word(k.keys), 100 * share(k.keys, s->keys));
    if (k.keys)
        fprintf(out, "; largest/mean %.3f, standard deviation %.1f %%", k.largest_to_mean,
                k.deviation);
    putc('\n', out);
    for (uint32_t i = 0; i < k.servers; i++) {
        uint32_t place = s->places.first[pool] + i;
        double weight = s->places.pools[pool]->members[i].weight;
        fprintf(out, "  %-24s %10llu  %5.1f %%", places_name(&s->places, place),
                (unsigned long long)s->counts[place], 100 * share(s->counts[place], k.keys));
        if (weight != 1) fprintf(out, ", weight %g", weight);
        putc('\n', out);
    }
}

void spread_print(const struct spread *s, FILE *out)
{
    fprintf(out, "%llu %s\n", (unsigned long long)s->keys, keys_word(s->keys));
    for (uint32_t i = 0; i < s->places.pools_n; i++) print_pool(s, i, out);
    for (uint32_t i = s->places.servers_n; i < places_n(&s->places); i++) {
        if (s->counts[i] == 0) continue;
        fprintf(out, "%s: %llu %s, %.1f %%\n", places_name(&s->places, i),
                (unsigned long long)s->counts[i], keys_word(s->counts[i]),
                100 * share(s->counts[i], s->keys));
    }
    if (s->refused)
        fprintf(out, "no keys: %llu %s\n", (unsigned long long)s->refused,
                s->refused == 1 ? "line" : "lines");
}

static void print_pool_json(const struct spread *s, uint32_t pool, FILE *out)
{
    const char *name = s->places.pools[pool]->settings.name;
    struct skew k = pool_skew(s, pool);
    struct json j;
    for (uint32_t i = 0; i < k.servers; i++) {
        uint32_t place = s->places.first[pool] + i;
        json_begin(&j, out);
        json_text(&j, "pool", name);
        json_text(&j, "server", places_name(&s->places, place));
        json_number(&j, "keys", s->counts[place]);
        json_fraction(&j, "share", share(s->counts[place], k.keys));
        json_fraction(&j, "weight", s->places.pools[pool]->members[i].weight);
        json_end(&j);
    }
    json_begin(&j, out);
    json_text(&j, "pool", name);
    json_number(&j, "servers", k.servers);
    json_number(&j, "keys", k.keys);
    json_fraction(&j, "share", share(k.keys, s->keys));
    json_fraction(&j, "largest_to_mean", k.largest_to_mean);
    json_fraction(&j, "deviation_percent", k.deviation);
    json_end(&j);
}

void spread_print_json(const struct spread *s, FILE *out)
{
    const uint64_t *ends = s->counts + s->places.servers_n;
    struct json j;
    for (uint32_t i = 0; i < s->places.pools_n; i++) print_pool_json(s, i, out);
    json_begin(&j, out);
    json_number(&j, "keys", s->keys);
    json_number(&j, "misses", ends[PLACE_MISS]);
    json_number(&j, "errors", ends[PLACE_ERROR]);
    json_number(&j, "script_errors", ends[PLACE_FAILED]);
    json_number(&j, "without_server", ends[PLACE_NOWHERE]);
    json_number(&j, "refused", s->refused);
    json_end(&j);
}
