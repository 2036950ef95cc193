/* Where a key of a server must be copied to.
 *
 * What a server holds are keys as they were sent, and a script may change a key before it is sent. So first the client's key is looked
 * for. It is the same key, or what is left of it without a prefix that the script adds. Prefixes are learned in two ways: from what the
 * script does to the key itself, and, for scripts that add one to some keys alone, by leaving out the words before a separator and asking the
 * script whether it would send the rest as that very key. Only what the script confirms counts: that it sends a get of that client's key to that
 * server, under that name. If it does so for several keys, all of them count. A key that is found only if another server does not answer
 * counts only while that one is down: else what lies there was left by an outage, and is old.
 *
 * A script that takes a prefix away from clients' keys sends two keys as one. Such a key is taken for the shorter one.
 *
 * The new script looks for the client's key where its get goes. Of those places the key goes to all that a set would write, so all
 * copies are made. Where a set is drawn, or writes none of those, the key goes to each place whose answer is the client's. */
#include "move/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    GUESS_FIRST = 512, /* for so many keys prefixes are guessed, and then for one in GUESS_EACH */
    GUESS_EACH = 64,
    GUESSES = 4, /* separators in a key */
};

enum spots_of { OLD_GET, NEW_GET, NEW_SET, SPOTS_OF };

void planner_init(struct planner *p, struct tier *t, const char *prefix)
{
    *p = (struct planner){.tier = t, .prefix = prefix};
    p->spots = calloc(SPOTS_OF, sizeof *p->spots);
    if (!p->spots) abort();
}

void planner_release(struct planner *p)
{
    free(p->spots);
    p->spots = NULL;
}

static enum tier_side other_side(const struct planner *p)
{
    return p->from == TIER_OLD ? TIER_NEW : TIER_OLD;
}

/* --- the client's key --------------------------------------------------------------------------- */

static bool has_prefix(const struct tier_key *key, const void *prefix, size_t len)
{
    return key->len >= len && memcmp(key->bytes, prefix, len) == 0;
}

/* key without its first n bytes. */
static struct tier_key rest_of(const struct tier_key *key, size_t n)
{
    struct tier_key rest = {.len = (uint16_t)(key->len - n)};
    memcpy(rest.bytes, key->bytes + n, rest.len);
    rest.is_base64 = key->is_base64 && !request_key_is_valid(rest.bytes, rest.len, false);
    return rest;
}

static void learn(struct planner *p, const uint8_t *bytes, size_t len)
{
    if (len == 0 || p->learned_n == PLAN_PREFIXES) return;
    for (uint32_t i = 0; i < p->learned_n; i++) {
        const struct plan_prefix *known = &p->learned[i];
        if (known->len == len && memcmp(known->bytes, bytes, len) == 0) return;
    }
    struct plan_prefix *new = &p->learned[p->learned_n++];
    new->len = (uint16_t)len;
    memcpy(new->bytes, bytes, len);
}

/* The script sends the key with something before it. */
static void learn_from(struct planner *p, const struct tier_spots *spots,
                       const struct tier_key *key)
{
    for (uint32_t i = 0; i < spots->n; i++) {
        const struct tier_key *sent = &spots->at[i].key;
        size_t more = sent->len - (size_t)key->len;
        if (sent->len <= key->len || memcmp(sent->bytes + more, key->bytes, key->len) != 0)
            continue;
        learn(p, sent->bytes, more);
    }
}

/* Some place that is asked before those of the last role is down. */
static bool is_instead_now(const struct planner *p, const struct tier_spots *spots)
{
    for (uint32_t i = 0; i < spots->n; i++) {
        if (spots->at[i].role <= WALK_ON_MISS && tier_is_down(p->tier, spots->at[i].server))
            return true;
    }
    return false;
}

/* A client that asks for `client` finds what the server has as `key`. */
static bool is_found(struct planner *p, uint32_t server, const struct tier_key *key,
                     const struct tier_key *client, struct plan *to)
{
    struct tier_spots *spots = &p->spots[OLD_GET];
    tier_spots(p->tier, p->from, false, client, spots);
    if (spots->has_failed) to->fate = PLAN_FAILED;
    for (uint32_t i = 0; i < spots->n; i++) {
        const struct tier_spot *spot = &spots->at[i];
        if (spot->server != server || !tier_key_is(&spot->key, key)) continue;
        if (spot->role <= WALK_ON_MISS) return true;
        if (spot->role == WALK_INSTEAD && is_instead_now(p, spots)) return true;
    }
    return false;
}

/* --- where it goes ------------------------------------------------------------------------------ */

static const struct tier_spot *find_spot(const struct tier_spots *spots,
                                         const struct tier_spot *like)
{
    for (uint32_t i = 0; i < spots->n; i++) {
        if (spots->at[i].server == like->server && tier_key_is(&spots->at[i].key, &like->key))
            return &spots->at[i];
    }
    return NULL;
}

static bool is_written(const struct tier_spot *spot)
{
    return !spot->is_conditional && spot->share >= 1 &&
           (spot->role == WALK_MAIN || spot->role == WALK_ALSO);
}

static void add_place(struct plan *to, const struct tier_spot *spot)
{
    for (uint32_t i = 0; i < to->n; i++) {
        if (to->to[i].server == spot->server && tier_key_is(&to->to[i].key, &spot->key)) return;
    }
    if (to->n < PLAN_PLACES) to->to[to->n++] = (struct plan_to){spot->server, spot->key};
}

/* Adds the places of a client's key. */
static void add_places(struct planner *p, const struct tier_key *client, struct plan *to)
{
    struct tier_spots *get = &p->spots[NEW_GET], *set = &p->spots[NEW_SET];
    bool is_kept = false, is_drawn = false;
    tier_spots(p->tier, other_side(p), false, client, get);
    tier_spots(p->tier, other_side(p), true, client, set);
    if (get->has_failed || set->has_failed) to->fate = PLAN_FAILED;
    for (uint32_t i = 0; i < set->n; i++) {
        const struct tier_spot *read = find_spot(get, &set->at[i]);
        if (!is_written(&set->at[i]) || !read || read->role == WALK_BACKGROUND) continue;
        add_place(to, &set->at[i]);
        is_kept = true;
    }
    for (uint32_t i = 0; i < get->n && !is_kept; i++) {
        if (get->at[i].role != WALK_MAIN) continue;
        add_place(to, &get->at[i]);
        is_drawn |= get->at[i].share < 1;
    }
    p->drawn += is_drawn;
}

/* The place where it is needs no copy. */
static void leave_out(struct plan *to, uint32_t server, const struct tier_key *key)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < to->n; i++) {
        if (to->to[i].server == server && tier_key_is(&to->to[i].key, key)) continue;
        if (n < i) to->to[n] = to->to[i];
        n++;
    }
    if (n < to->n && n == 0) to->fate = PLAN_STAYS;
    if (n == 0 && to->n == 0) to->fate = PLAN_NOWHERE;
    to->n = n;
}

/* --- one key ------------------------------------------------------------------------------------ */

/* What is known of the key while it is decided. */
struct search {
    uint32_t server;
    const struct tier_key *key;
    struct plan *to;
    bool is_found, is_wanted;
};

static bool try_client(struct planner *p, struct search *s, const struct tier_key *client)
{
    if (!is_found(p, s->server, s->key, client, s->to)) return false;
    s->is_found = true;
    if (p->prefix && !has_prefix(client, p->prefix, strlen(p->prefix))) return true;
    s->is_wanted = true;
    s->to->client = *client;
    add_places(p, client, s->to);
    return true;
}

static bool is_learned(const struct planner *p, size_t len, const struct tier_key *key)
{
    for (uint32_t i = 0; i < p->learned_n; i++) {
        if (p->learned[i].len == len && has_prefix(key, p->learned[i].bytes, len)) return true;
    }
    return false;
}

/* Leaves out what stands before a separator. */
static void guess(struct planner *p, struct search *s)
{
    const struct tier_key *key = s->key;
    int seen = 0;
    for (uint16_t i = 0; i + 1 < key->len && seen < GUESSES; i++) {
        if (!memchr(":/.|#-_", key->bytes[i], strlen(":/.|#-_"))) continue;
        seen++;
        if (is_learned(p, (size_t)i + 1, key)) continue;
        struct tier_key client = rest_of(key, (size_t)i + 1);
        if (try_client(p, s, &client)) learn(p, key->bytes, (size_t)i + 1);
    }
}

/* The other script sends a get of that client's key there, under the name that it has there. */
static bool is_looked_for(struct planner *p, const struct search *s, const struct tier_key *client)
{
    struct tier_spots *get = &p->spots[NEW_GET];
    tier_spots(p->tier, other_side(p), false, client, get);
    for (uint32_t i = 0; i < get->n; i++) {
        const struct tier_spot *spot = &get->at[i];
        bool is_there = spot->server == s->server && tier_key_is(&spot->key, s->key);
        if (is_there && spot->role <= WALK_ON_MISS) return true;
    }
    return false;
}

/* The new script looks for it there: it was copied, or a client of the new script wrote it. Where that script adds a prefix, it shows in what
 * it would send for the key itself. */
static bool is_copy(struct planner *p, const struct search *s)
{
    const struct tier_key *key = s->key;
    if (is_looked_for(p, s, key)) return true;
    if (p->spots[NEW_GET].n == 0) return false;
    const struct tier_key sent = p->spots[NEW_GET].at[0].key;
    if (sent.len <= key->len) return false;
    size_t more = (size_t)sent.len - key->len;
    if (key->len <= more || !has_prefix(key, sent.bytes, more)) return false;
    struct tier_key client = rest_of(key, more);
    return is_looked_for(p, s, &client);
}

void planner_decide(struct planner *p, uint32_t server, const struct tier_key *key, struct plan *to)
{
    struct search s = {.server = server, .key = key, .to = to};
    assert(key->len > 0);
    to->n = 0;
    to->fate = PLAN_MOVES;
    p->asked++;
    try_client(p, &s, key);
    learn_from(p, &p->spots[OLD_GET], key);
    for (uint32_t i = 0; i < p->learned_n; i++) {
        if (key->len <= p->learned[i].len || !is_learned(p, p->learned[i].len, key)) continue;
        if (!has_prefix(key, p->learned[i].bytes, p->learned[i].len)) continue;
        struct tier_key client = rest_of(key, p->learned[i].len);
        try_client(p, &s, &client);
    }
    if (p->asked <= GUESS_FIRST || p->asked % GUESS_EACH == 0) guess(p, &s);
    if (!s.is_found) {
        if (to->fate != PLAN_FAILED) to->fate = is_copy(p, &s) ? PLAN_COPY : PLAN_STRAY;
    } else if (!s.is_wanted) {
        to->fate = PLAN_OTHER;
    } else if (to->fate != PLAN_FAILED) {
        leave_out(to, server, key);
    }
}
