/* How the keys to be compared come: first from the old script's servers, then from the new one's, for what only they have.
 *
 * A dump goes into a file as fast as it comes (keyfile.h), and from there into checks as fast as these end. A dump that fails is
 * begun again, and then names all keys again: a key that was compared is compared once more, and is the same. A dump that may miss
 * keys that are used meanwhile is asked for until it names no new one (sieve.h), and none is compared meanwhile. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "move/verify_state.h"

/* Seconds until a dump is tried again. */
static const double RETRY = 0.5;

/* Keys that are looked at before others have their turn. */
enum { AT_ONCE = 256 };

/* --- keys --------------------------------------------------------------------------------------- */

/* When the item ends, by our clock. */
static int64_t expiry_of(const struct verify_source *s, const struct dump_key *key)
{
    return key->exptime < 0 ? key->exptime : key->exptime - s->clock_ahead;
}

/* What is written from now on must go to its old place and to the new ones. */
static void offer(struct verify_source *s, const struct dump_key *key, const struct plan *plan)
{
    struct service_place places[SERVICE_PLACES] = {{s->server, key->key}};
    uint32_t n = 1;
    for (uint32_t i = 0; i < plan->n && n < SERVICE_PLACES; i++)
        places[n++] = (struct service_place){plan->to[i].server, plan->to[i].key};
    service_offer(s->v->how->service, &plan->client, places, n);
}

/* A key that the old server has: each of its new places is compared. */
static void take_old_key(struct verify_source *s, const struct dump_key *key,
                         const struct plan *plan)
{
    if (s->v->how->service) offer(s, key, plan);
    for (uint32_t i = 0; i < plan->n; i++) {
        struct check_place to = {plan->to[i].server, plan->to[i].key};
        check_create(s->v, &to, &plan->client, false, expiry_of(s, key));
    }
}

/* A key that the new server has, where the new script looks for it, and that the old script keeps elsewhere. */
static void take_new_key(struct verify_source *s, const struct dump_key *key,
                         const struct plan *plan)
{
    struct check_place to = {s->server, key->key};
    check_create(s->v, &to, &plan->client, true, -2);
}

static void take_key(struct verify_source *s, const struct dump_key *key)
{
    static struct plan plan;
    struct verify *v = s->v;
    v->counts->listed++;
    allowance_take(&v->looks, 1);
    planner_decide(&v->planner, s->server, &key->key, &plan);
    if (plan.fate == PLAN_FAILED) {
        struct verify_server *server = verify_server(v, s->server);
        if (!server->differing++) snprintf(server->why, sizeof server->why, "%s", "script error");
        v->counts->differing++;
    }
    if (plan.fate != PLAN_MOVES) return;
    if (v->side == TIER_OLD)
        take_old_key(s, key, &plan);
    else
        take_new_key(s, key, &plan);
}

static void stop_for(struct verify_source *s, int error)
{
    fprintf(stderr, "moongate: keys of %s: not kept: %s: set TMPDIR to a folder that has room\n",
            s->v->tier->servers[s->server].name, strerror(error));
    s->v->was_stopped = true;
}

static void read_keys(struct verify_source *s)
{
    struct verify *v = s->v;
    struct dump_key key;
    int error = 0;
    for (uint32_t n = 0; n < AT_ONCE && v->open < VERIFY_OPEN && !v->was_stopped; n++) {
        if (!allowance_look(&v->looks, tier_now(v->tier))) break;
        if (!keyfile_take(&s->keys, &key, &error)) break;
        take_key(s, &key);
    }
    if (error) stop_for(s, error);
}

/* --- a dump's life ------------------------------------------------------------------------------ */

/* A dump_begun_fn. */
static void on_begun(void *owner)
{
    struct verify_source *s = owner;
    const struct dump_about *about = &s->dump.about;
    s->clock_ahead = about->time ? about->time - s->v->wall : 0;
    s->items = about->items;
    s->failing_since = 0;
    s->why[0] = '\0';
}

/* A dump_key_fn. */
static void on_key(void *owner, const struct dump_key *key)
{
    struct verify_source *s = owner;
    if (!s->dump.is_ordered && !sieved_put(&s->sieved, &key->key, s->items)) return;
    int error = keyfile_put(&s->keys, key);
    if (!error) return;
    dump_close(&s->dump);
    stop_for(s, error);
}

static void fail(struct verify_source *s, const char *why, bool cannot)
{
    struct verify *v = s->v;
    double now = tier_now(v->tier);
    if (s->failing_since == 0) s->failing_since = now;
    snprintf(s->why, sizeof s->why, "%s", why);
    s->retry_at = now + RETRY;
    s->step = VERIFY_IDLE;
    if (!cannot && now - s->failing_since <= v->how->patience) return;
    v->counts->unread++;
    s->step = VERIFY_ENDED;
    progress_clear(&v->progress);
    fprintf(stderr, "moongate: %s: its keys are not known: %s\n", v->tier->servers[s->server].name,
            s->why);
}

/* A dump_end_fn. What it has named before it failed is compared. */
static void on_end(void *owner, const char *why, bool cannot)
{
    struct verify_source *s = owner;
    if (!why && !s->dump.is_ordered && sieved_again(&s->sieved, s->items)) {
        dump_begin(&s->dump, s->v->tier, s->server);
        return;
    }
    sieved_close(&s->sieved);
    s->step = VERIFY_READS;
    if (why) fail(s, why, cannot);
}

static uint32_t dumps_that_run(const struct verify *v)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < v->sources_n; i++) n += v->sources[i].step == VERIFY_LISTS;
    return n;
}

static void begin(struct verify_source *s)
{
    struct verify *v = s->v;
    if (tier_now(v->tier) < s->retry_at || v->was_stopped || s->keys.keys > 0) return;
    if (dumps_that_run(v) >= VERIFY_DUMPS) return;
    int error = keyfile_is_open(&s->keys) ? 0 : keyfile_open(&s->keys);
    if (error) {
        stop_for(s, error);
        return;
    }
    s->step = VERIFY_LISTS;
    s->dump.begun = on_begun;
    s->dump.take = on_key;
    s->dump.end = on_end;
    s->dump.owner = s;
    sieved_begin(&s->sieved);
    dump_begin(&s->dump, v->tier, s->server);
}

static void look(struct verify_source *s)
{
    bool waits = s->step == VERIFY_LISTS && sieved_waits(&s->sieved, &s->dump);
    if (keyfile_is_open(&s->keys) && !waits) read_keys(s);
    switch (s->step) {
    case VERIFY_IDLE: begin(s); break;
    case VERIFY_READS:
        if (s->keys.keys == 0) s->step = VERIFY_ENDED;
        break;
    case VERIFY_LISTS:
    case VERIFY_ENDED: break;
    }
}

/* --- from outside ------------------------------------------------------------------------------- */

void verify_sources_begin(struct verify *v, enum tier_side side)
{
    const struct tier *t = v->tier;
    verify_sources_release(v);
    v->side = v->planner.from = side;
    v->planner.learned_n = 0;
    v->sources = calloc(t->servers_n + 1, sizeof *v->sources);
    if (!v->sources) abort();
    for (uint32_t i = 0; i < t->servers_n; i++) {
        if (!t->servers[i].is_of[side]) continue;
        v->sources[v->sources_n++] = (struct verify_source){.v = v, .server = i};
    }
}

void verify_sources_look(struct verify *v)
{
    for (uint32_t i = 0; i < v->sources_n; i++) look(&v->sources[i]);
}

bool verify_sources_have_ended(const struct verify *v)
{
    for (uint32_t i = 0; i < v->sources_n; i++) {
        const struct verify_source *s = &v->sources[i];
        if (s->step != VERIFY_ENDED || s->keys.keys > 0) return false;
    }
    return true;
}

void verify_sources_release(struct verify *v)
{
    for (uint32_t i = 0; i < v->sources_n; i++) {
        dump_close(&v->sources[i].dump);
        sieved_close(&v->sources[i].sieved);
        keyfile_close(&v->sources[i].keys);
    }
    free(v->sources);
    v->sources = NULL;
    v->sources_n = 0;
}
