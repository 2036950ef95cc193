#include "backend/pool.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/ejection.h"
#include "backend/meter.h"
#include "backend/secure.h"
#include "backend/steering.h"
#include "backend/twins.h"
#include "base/slab.h"

/* The selector is a plain function of names and weights; all that changes is here: members come and go with a discovery, with
 * on_failure = rehash servers that are down are left out of the selector, with eject = twemproxy those whose errors have put them out
 * (ejection.c), and operators drain servers or give them another weight
 * (steering.c). All of it builds a new selector, and only then does a pick differ. A pick compares one number, set->changes, to see
 * whether something of it has happened: so a pool costs nothing while all is well.
 *
 * pool_replace adds the new members before it gives back the old ones' references, so that a backend that stays never has none
 * and keeps its connections.
 */

static bool pool_sane(const struct pool *p)
{
    bool may_be_empty = p->members_n == 0 || pool_ejects(p) || p->whole;
    return p->living_n <= p->members_n && (may_be_empty || p->living_n > 0);
}

/* --- members ----------------------------------------------------------------------------------- */

struct pool *pool_create(const struct pool_settings *settings, struct backends *set)
{
    struct pool *p = slab_borrow(sizeof *p);
    *p = (struct pool){.settings = *settings, .set = set, .look_at = INFINITY};
    p->place = meter_pool_place(set, p->settings.name);
    set->pools[p->place]->users++;
    return p;
}

/* The entry stays, and a pool of that name that is made later goes on with it. Only what is about now goes with the last one. */
static void give_place(struct pool *p)
{
    struct board_pool *entry = p->set->pools[p->place];
    assert(entry->users > 0);
    if (--entry->users == 0) entry->servers = entry->in_ring = entry->answering = 0;
}

static void make_room(struct pool *p)
{
    if (p->members_n < p->room) return;
    p->room = p->room ? p->room * 2 : 8;
    p->members = reallocarray(p->members, p->room, sizeof *p->members);
    if (!p->members) abort();
}

const char *pool_add_server(struct pool *p, const struct server_spec *spec, double timeout,
                            const struct backend_settings *settings)
{
    char text[SERVER_TEXT_MAX];
    const char *wrong = secure_refuses(p->set, settings->tls, &spec->addr);
    if (wrong) return wrong;
    if (p->members_n == POOL_SERVERS_MAX) return "a pool takes at most 4096 servers";
    make_room(p);
    struct backend *b = backends_get(p->set, server_show(spec, text), &spec->addr, settings);
    char *name = strdup(server_ring_name(spec, p->settings.naming, text));
    if (!name) abort();
    p->members[p->members_n++] = (struct pool_member){
        .backend = b,
        .name = name,
        .weight = spec->weight >= 0 ? spec->weight
                                    : distribution_usual_weight(p->settings.selector.distribution),
        .timeout = timeout,
        .ejection = pool_ejects(p) ? ejection_create(b, p, p->settings.eject_retry) : NULL};
    return NULL;
}

/* True when that is something else than before. */
static bool set_ejected(struct pool_member *m, bool ejected)
{
    bool changed = m->ejected != ejected;
    if (changed && ejected) m->backend->stats->ejected++;
    if (changed && !ejected) m->backend->stats->ejected--;
    m->ejected = ejected;
    return changed;
}

static void give_members(struct pool_member *members, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        set_ejected(&members[i], false);
        if (members[i].ejection) ejection_destroy(members[i].ejection);
        backend_give(members[i].backend);
        free(members[i].name);
    }
    free(members);
}

/* --- the selector ------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    const struct pool_member *m = a, *n = b;
    return strcmp(m->name, n->name);
}

static int by_length(const void *a, const void *b)
{
    const struct pool_member *m = a, *n = b;
    size_t x = strlen(m->name), y = strlen(n->name);
    return x != y ? (x > y) - (x < y) : by_name(a, b);
}

/* Some clients sort servers before they count them; a selector that counts must see the same order. */
static void sort_members(struct pool *p)
{
    static int (*const compare[ORDER_COUNT])(const void *, const void *) = {
        [ORDER_LENGTH] = by_length, [ORDER_NAME] = by_name};
    if (p->members_n > 1 && compare[p->settings.order])
        qsort(p->members, p->members_n, sizeof *p->members, compare[p->settings.order]);
}

/* Builds the selector over the members that are not left out. Their order is that of the members, so that a server that comes
 * back gets the keys that it had. */
static void build(struct pool *p)
{
    struct selector_server *servers = calloc(p->members_n + 1, sizeof *servers);
    if (!servers) abort();
    if (p->selector.servers) selector_release(&p->selector);
    p->living_n = 0;
    for (uint32_t i = 0; i < p->members_n; i++) {
        const struct pool_member *m = &p->members[i];
        if (m->ejected || m->drained) continue;
        p->living[p->living_n] = i;
        servers[p->living_n++] = pool_selector_server(p, m, m->steered);
    }
    if (p->living_n > 0) selector_init(&p->selector, &p->settings.selector, servers, p->living_n);
    free(servers);
    assert(pool_sane(p));
}

/* How many of the members that are not drained may be ejected at once: eject_floor, and always one, must stay. */
static uint32_t most_ejected(const struct pool *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->members_n; i++) n += !p->members[i].drained;
    uint32_t stay = (uint32_t)ceil(p->settings.eject_floor * n);
    return n - (stay > 0 ? stay : 1);
}

/* Takes back members that are not down, and those that are drained, which are left out for that; then as many as must stay. */
static bool take_back(struct pool *p, uint32_t most, uint32_t *ejected)
{
    bool changed = false;
    for (uint32_t i = 0; i < p->members_n; i++) {
        struct pool_member *m = &p->members[i];
        bool stays = m->ejected && m->backend->down && !m->drained && *ejected < most;
        changed |= set_ejected(m, stays);
        *ejected += stays;
    }
    return changed;
}

/* Ejects members that are down, and takes back those that are not. A member that was ejected before stays so, even when the floor
 * leaves others that are down in the selector. True when anything has changed. */
static bool eject(struct pool *p)
{
    uint32_t ejected = 0, most = most_ejected(p);
    bool changed = take_back(p, most, &ejected);
    for (uint32_t i = 0; i < p->members_n && ejected < most; i++) {
        struct pool_member *m = &p->members[i];
        if (m->ejected || m->drained || !m->backend->down) continue;
        changed |= set_ejected(m, true);
        ejected++;
    }
    return changed;
}

/* Leaves out the members that their errors have put out, and notes when the first of them comes back. */
static bool leave_out(struct pool *p)
{
    bool changed = false;
    p->look_at = INFINITY;
    for (uint32_t i = 0; i < p->members_n; i++) {
        struct pool_member *m = &p->members[i];
        bool is_out = ejection_is_out(m->ejection, p->set->now);
        if (is_out) p->look_at = fmin(p->look_at, m->ejection->until);
        changed |= set_ejected(m, is_out);
    }
    return changed;
}

/* Which members the selector is to have. True when that has changed since it was built. */
static bool choose_members(struct pool *p)
{
    bool steers = p->steered != p->set->steerings && pool_steer(p);
    bool ejects = p->settings.on_failure == ON_FAILURE_REHASH && p->members_n > 0 && eject(p);
    bool leaves = pool_ejects(p) && leave_out(p);
    return steers || ejects || leaves;
}

/* A server of the set has gone down or come back since the selector was built, or an operator has decided something. With `eject` a
 * dead server comes back and leaves again after each retry time, which is no news. */
static void look_again(struct pool *p)
{
    enum log_level level = pool_ejects(p) ? LOG_DEBUG : LOG_INFO;
    p->seen = p->set->changes;
    if (!choose_members(p)) return;
    build(p);
    if (p->whole || !log_shows(level) || !log_allows(&p->set->log, p->set->now)) return;
    log_line(level, "pool %s: %u of %u servers take keys", p->settings.name, p->living_n,
             p->members_n);
}

/* Why the selector refuses the members; NULL: it does not. */
static const char *refused(const struct pool *p)
{
    struct selector_server *servers = calloc(p->members_n + 1, sizeof *servers);
    if (!servers) abort();
    for (uint32_t i = 0; i < p->members_n; i++)
        servers[i] = pool_selector_server(p, &p->members[i], p->members[i].weight);
    const char *wrong = selector_refuses(&p->settings.selector, servers, p->members_n);
    free(servers);
    return wrong;
}

const char *pool_close(struct pool *p)
{
    const char *wrong = refused(p);
    if (!wrong) wrong = twins_refused(p);
    if (wrong) return wrong;
    sort_members(p);
    p->living = reallocarray(p->living, p->members_n + 1, sizeof *p->living);
    if (!p->living) abort();
    p->seen = p->set->changes;
    p->steered = p->set->steerings - 1; /* these members were never looked at */
    (void)choose_members(p);
    build(p);
    return NULL;
}

/* The new members are made beside the old ones, so that an error changes nothing. */
const char *pool_replace(struct pool *p, const struct server_spec *specs, uint32_t n)
{
    struct pool old = *p;
    const char *wrong = NULL;
    p->members = NULL;
    p->members_n = p->room = 0;
    for (uint32_t i = 0; i < n && !wrong; i++)
        wrong = pool_add_server(p, &specs[i], p->settings.timeout, &p->settings.backend);
    if (!wrong) wrong = pool_close(p);
    if (wrong) {
        give_members(p->members, p->members_n);
        *p = old;
        return wrong;
    }
    backends_start(p->set);
    give_members(old.members, old.members_n);
    return NULL;
}

/* A discovery's listener. */
static void on_discovered(void *owner, const struct server_spec *servers, uint32_t n)
{
    struct pool *p = owner;
    const char *wrong = pool_replace(p, servers, n);
    if (wrong) log_warn("pool %s: keeps its servers: %s", p->settings.name, wrong);
}

const char *pool_follow(struct pool *p, const char *url, size_t len,
                        const struct discovery_settings *settings)
{
    assert(p->members_n == 0 && !p->discovery && p->set->discoveries);
    const char *wrong = discovery_take(p->set->discoveries, url, len, settings, &p->discovery);
    if (!wrong) p->listener = discovery_listen(p->discovery, on_discovered, p);
    return wrong;
}

static const char *all_ejected(const struct pool *p)
{
    static char text[POOL_NAME_MAX + 64];
    snprintf(text, sizeof text, "pool %s has ejected all its servers", p->settings.name);
    return text;
}

const char *pool_lacks_servers(const struct pool *p)
{
    static char text[POOL_NAME_MAX + DISCOVERY_URL_MAX + DISCOVERY_REASON_MAX + 32];
    const char *why = p->discovery ? discovery_failure(p->discovery) : NULL;
    if (p->whole) {
        snprintf(text, sizeof text, "%s is drained", p->members[0].backend->name);
        return text;
    }
    if (p->members_n > 0)
        return p->settings.backend.texts == TEXTS_TWEMPROXY ? "Connection refused" : all_ejected(p);
    snprintf(text, sizeof text, "pool %s has no server yet%s%s%s%s", p->settings.name,
             p->discovery ? ": " : "", p->discovery ? discovery_url(p->discovery) : "",
             why ? " " : "", why ? why : "");
    return text;
}

/* With one member nothing is hashed, and nothing is ejected: its keys have no other place. */
static struct pool *make_one(struct pool *p, uint32_t at)
{
    const struct pool_member *m = &p->members[at];
    struct pool_settings settings = {.selector = {.distribution = DISTRIBUTION_MODULA},
                                     .on_failure = p->settings.on_failure,
                                     .timeout = p->settings.timeout,
                                     .backend = p->settings.backend,
                                     .unweighted = true};
    if (settings.on_failure == ON_FAILURE_REHASH) settings.on_failure = ON_FAILURE_ERROR;
    settings.backend.eject = EJECTS_NONE; /* its server keeps what it has of that */
    memcpy(settings.name, p->settings.name, sizeof settings.name);
    struct pool *one = pool_create(&settings, p->set);
    one->whole = p;
    one->at = at;
    make_room(one);
    one->members[one->members_n++] =
        (struct pool_member){.backend = backend_take(m->backend),
                             .name = strdup(m->name),
                             .weight = distribution_usual_weight(DISTRIBUTION_MODULA),
                             .timeout = m->timeout};
    if (!one->members[0].name || pool_close(one)) abort();
    return one;
}

struct pool *pool_one(struct pool *p, uint32_t at)
{
    assert(at < p->members_n && !p->discovery);
    if (p->whole) return p;
    if (!p->ones) p->ones = calloc(p->members_n, sizeof(struct pool *));
    if (!p->ones) abort();
    if (!p->ones[at]) p->ones[at] = make_one(p, at);
    return p->ones[at];
}

void pool_destroy(struct pool *p)
{
    assert(!p->listener == !p->discovery);
    for (uint32_t i = 0; p->ones && i < p->members_n; i++)
        if (p->ones[i]) pool_destroy(p->ones[i]);
    free(p->ones);
    if (p->listener) discovery_unlisten(p->listener);
    if (p->discovery) discovery_give(p->discovery);
    give_place(p);
    give_members(p->members, p->members_n);
    selector_release(&p->selector);
    free(p->living);
    slab_return(p, sizeof *p);
}

/* --- a key ------------------------------------------------------------------------------------- */

/* Some client libraries put a prefix before keys that they have hashed without it. */
static const char *without_prefix(const struct pool_settings *s, const char *key, size_t *len)
{
    const char *prefix = s->unhashed_prefix;
    size_t prefix_len = strlen(prefix);
    if (*len <= prefix_len || memcmp(key, prefix, prefix_len) != 0) return key;
    *len -= prefix_len;
    return key + prefix_len;
}

/* After the prefix, what the tag encloses if it encloses anything (source: twemproxy's hash_tag) or an empty one counts (source:
 * memcached's proxy); else what stands before the stop (source: mcrouter's |#|). */
const char *pool_hashed_part(const struct pool_settings *s, const char *key, size_t *len)
{
    key = without_prefix(s, key, len);
    const char *end = key + *len;
    const char *from = s->hash_tag[0] ? memchr(key, s->hash_tag[0], *len) : NULL;
    const char *to = from ? memchr(from + 1, s->hash_tag[1], (size_t)(end - from - 1)) : NULL;
    if (to && (to > from + 1 || s->hash_empty_tag)) {
        *len = (size_t)(to - from - 1);
        return from + 1;
    }
    const char *stop =
        s->hash_stop[0] ? memmem(key, *len, s->hash_stop, strlen(s->hash_stop)) : NULL;
    if (stop) *len = (size_t)(stop - key);
    return key;
}

/* False: whole keys are hashed. */
static bool hashes_parts(const struct pool *p)
{
    const struct pool_settings *s = &p->settings;
    return s->hash_tag[0] || s->hash_stop[0] || s->unhashed_prefix[0];
}

uint32_t pool_living(struct pool *p)
{
    if (p->seen != p->set->changes || p->set->now >= p->look_at) look_again(p);
    return p->living_n;
}

/* One connection is enough: its server gets requests. */
static bool is_answering(const struct backend *b)
{
    for (uint32_t i = 0; i < b->settings.connections; i++)
        if (b->conns[i]->state == CONN_READY) return true;
    return false;
}

uint32_t pool_answering(const struct pool *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->members_n; i++) n += is_answering(p->members[i].backend);
    return n;
}

void pool_note_levels(struct pool *p)
{
    struct board_pool *entry = p->set->pools[p->place];
    entry->servers = p->members_n;
    entry->in_ring = pool_living(p);
    entry->answering = pool_answering(p);
}

struct pool_member *pool_pick(struct pool *p, const void *key, size_t len)
{
    if (pool_living(p) == 0) return NULL;
    if (hashes_parts(p)) key = pool_hashed_part(&p->settings, key, &len);
    return &p->members[p->living[selector_pick(&p->selector, key, len).server]];
}

struct pool_choice pool_explain(struct pool *p, const void *key, size_t len)
{
    struct pool_choice choice = {.was_hashed = pool_living(p) > 1};
    if (p->living_n == 0) return choice;
    choice.hashed = hashes_parts(p) ? pool_hashed_part(&p->settings, key, &len) : key;
    choice.hashed_len = len;
    choice.how = selector_pick(&p->selector, choice.hashed, len);
    choice.member = &p->members[p->living[choice.how.server]];
    if (p->whole) choice.member = &p->whole->members[p->at];
    return choice;
}

/* --- names ------------------------------------------------------------------------------------- */

const char *on_failure_name(enum on_failure on_failure)
{
    static const char *const names[ON_FAILURE_COUNT] = {
#define X(id, text, meaning) text,
        ON_FAILURES(X)
#undef X
    };
    return names[on_failure];
}
