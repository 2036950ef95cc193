/* What is put into items beforehand, and what is taken from servers afterwards. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/pool.h"
#include "base/live.h"
#include "replay/engine.h"

/* What a fresh item's answer seems to have as a value: the flags that are shown. */
enum { VIVID_MOST = 64 };

/* --- before ------------------------------------------------------------------------------------------- */

static const struct fake *fake_of(const struct player *p, const char *name)
{
    const struct fake *f = p->fakes;
    while (f && strcmp(f->name, name) != 0) f = f->next;
    return f;
}

/* False: the script has no such server. */
static bool put_item(struct engine *e, struct player *p, const struct spot *spot,
                     const struct asked_key *key)
{
    if (!spot->pool || !fake_of(p, spot->server)) return false;
    struct fake_server *fake = player_fake(p, spot->server);
    uint32_t len = key->bytes ? asked_value_bytes(key) : e->how->value_bytes;
    uint8_t *value = malloc(len + 1);
    if (!value) abort();
    asked_make_value(value, len, key->hash);
    bool is_put = fake_server_put(fake, spot->key, spot->key_len, value, len);
    free(value);
    return is_put;
}

/* Where the script `as` has the key. */
static void seed_side(struct engine *e, struct player *p, unsigned as, const struct asked_key *key)
{
    const struct where *w = &e->routes.where[as];
    bool is_put = false;
    uint32_t n = w->is_drawn ? w->mains_n : w->holds_n;
    const struct spot *spots = w->is_drawn ? w->mains : w->holds;
    for (uint32_t i = 0; i < n; i++) is_put |= put_item(e, p, &spots[i], key);
    e->tally.results->sides[p->side].seeded += is_put;
}

/* A hit on a key that did not come before: the servers of then had it, unless the hit has just made it. */
bool engine_seeds(struct engine *e, const struct asked *a, uint32_t key)
{
    const struct asked_key *k = &a->keys[key];
    struct replay_results *r = e->tally.results;
    enum seen_word word = seen_note(&e->seen, k->hash);
    r->recorded.seen_keys = e->seen.n;
    r->not_separated += word == SEEN_FULL;
    if (word != SEEN_NEW || !a->reads || k->result != LIVE_HIT || e->how->is_real) return false;
    if (a->vivifies && asked_value_bytes(k) <= VIVID_MOST) return false;
    return e->how->warm || e->players_n == REPLAY_SIDES;
}

void engine_seed(struct engine *e, const struct asked *a, uint32_t key)
{
    const struct asked_key *k = &a->keys[key];
    const struct replay_results *r = e->tally.results;
    for (unsigned i = 0; i < e->players_n; i++) {
        struct player *p = e->players[i];
        if (r->sides[p->side].was_warm) seed_side(e, p, p->side, k);
        if (r->sides[p->side].had_same) seed_side(e, p, REPLAY_OLD, k);
    }
}

/* --- afterwards --------------------------------------------------------------------------------------- */

static void take_fake(struct replay_server *to, const struct fake_server *from)
{
    to->requests = from->requests;
    to->hits = from->hits;
    to->misses = from->misses;
    to->bytes_in = from->bytes_in;
    to->bytes_out = from->bytes_out;
    struct store_usage usage = store_usage(from->store);
    to->items = usage.items;
    to->bytes = usage.bytes;
    to->evictions = usage.evictions;
}

/* A server that two pools have with other settings is two of the worker's. */
static void take_real(struct replay_server *to, const struct player *p, const char *name)
{
    for (const struct backend *b = p->parts.backends->first; b; b = b->next) {
        if (strcmp(b->name, name) != 0) continue;
        const struct board_server *s = b->stats;
        to->requests = s->requests;
        to->hits = s->hits;
        to->misses = s->misses;
        to->bytes_in = s->bytes_written;
        to->bytes_out = s->bytes_read;
    }
}

static int by_requests(const void *a, const void *b)
{
    const struct replay_server *p = a, *q = b;
    return (p->requests < q->requests) - (p->requests > q->requests);
}

/* Each server once, by its first pool. Returns how many, in memory from malloc. */
static struct replay_server *list_servers(const struct player *p, uint32_t *n)
{
    uint32_t pools_n, room = 0;
    struct pool *const *pools = script_pools(p->parts.script, &pools_n);
    for (uint32_t i = 0; i < pools_n; i++) room += pools[i]->members_n;
    struct replay_server *all = calloc(room + 1, sizeof *all);
    if (!all) abort();
    *n = 0;
    for (uint32_t i = 0; i < pools_n; i++) {
        for (uint32_t k = 0; k < pools[i]->members_n; k++) {
            const char *name = pools[i]->members[k].backend->name;
            uint32_t at = 0;
            while (at < *n && strncmp(all[at].name, name, REPLAY_NAME - 1) != 0) at++;
            if (at < *n) continue;
            const struct fake *fake = fake_of(p, name);
            snprintf(all[at].name, REPLAY_NAME, "%.*s", REPLAY_NAME - 1, name);
            snprintf(all[at].pool, REPLAY_NAME, "%.*s", REPLAY_NAME - 1, pools[i]->settings.name);
            if (fake) take_fake(&all[at], &fake->server);
            if (!p->has_fakes) take_real(&all[at], p, name);
            ++*n;
        }
    }
    return all;
}

/* all: sorted, so a pool's first server has most. */
static void find_uneven(struct replay_side *s, const struct replay_server *all, uint32_t n)
{
    s->uneven = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t sum = 0, servers = 0;
        uint32_t first = 0;
        while (strcmp(all[first].pool, all[i].pool) != 0) first++;
        if (first != i) continue;
        for (uint32_t k = i; k < n; k++) {
            if (strcmp(all[k].pool, all[i].pool) != 0) continue;
            sum += all[k].requests;
            servers++;
        }
        if (servers < 2 || sum == 0) continue;
        double uneven = (double)all[i].requests * (double)servers / (double)sum;
        if (uneven <= s->uneven || i >= REPLAY_SERVERS) continue;
        s->uneven = uneven;
        s->uneven_server = i;
    }
}

static void publish_servers(const struct player *p, struct replay_side *s)
{
    uint32_t n;
    struct replay_server *all = list_servers(p, &n);
    qsort(all, n, sizeof *all, by_requests);
    find_uneven(s, all, n);
    s->servers_all = n;
    s->servers_n = n < REPLAY_SERVERS ? n : REPLAY_SERVERS;
    memcpy(s->servers, all, s->servers_n * sizeof *all);
    free(all);
}

void engine_publish(struct engine *e)
{
    struct replay_results *r = e->tally.results;
    struct replay_shared *shared = e->shared;
    tally_publish(&e->tally);
    for (unsigned i = 0; i < e->players_n; i++)
        publish_servers(e->players[i], &r->sides[e->players[i]->side]);
    e->published = engine_now();
    r->took = e->published - e->began;
    uint32_t next = shared->shown == 1 ? 2 : 1;
    memcpy(&shared->results[next - 1], r, sizeof *r);
    __atomic_store_n(&shared->shown, next, __ATOMIC_RELEASE);
}
