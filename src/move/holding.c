/* One key: all servers are asked whether they have it, under each name that the script may give it; what several have that should be
 * equal is read; and what lies where the script never looks is deleted, if it is to be.
 *
 * The script never looks for a key in any other place than those where a get or a set of it may go, in whatever case: on a miss, in place
 * of a server that fails, in the background. A delete names the cas that was seen: an item that a client stores meanwhile stays. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "move/holdings_state.h"
#include "protocol/classic.h"

/* Seconds that a server has for an answer. */
static const double ANSWER = 10;

static void ask(struct holding_ask *a);

/* --- the end ------------------------------------------------------------------------------------ */

static bool has_it(const struct holding_ask *a)
{
    return a->reading.state == READING_HIT;
}

static enum holdings_state state_of(const struct holding *k)
{
    bool is_found = false, is_there = false, fails = k->is_unclear;
    for (uint32_t i = 0; i < k->asks_n; i++) {
        const struct holding_ask *a = &k->asks[i];
        is_found |= has_it(a) && a->is_read;
        is_there |= has_it(a);
        fails |= a->has_failed;
    }
    if (is_found) return HOLDINGS_FOUND;
    if (fails) return HOLDINGS_UNKNOWN;
    return is_there ? HOLDINGS_ELSEWHERE : HOLDINGS_MISSING;
}

/* Copies that should be equal, of those that are there. */
static bool differs(const struct holding *k)
{
    const struct reading *first = NULL;
    for (uint32_t i = 0; i < k->asks_n; i++) {
        const struct holding_ask *a = &k->asks[i];
        if (!a->is_copy || !has_it(a)) continue;
        if (first && !reading_is_same(first, &a->reading)) return true;
        first = &a->reading;
    }
    return false;
}

/* The script never looks for it there. */
static bool is_duplicate(const struct holding *k, const struct holding_ask *a)
{
    return has_it(a) && !a->is_known && !k->is_unclear;
}

/* A key that several servers list is counted with one of them alone: the first one where it is no duplicate, as duplicates may have been
 * deleted when the others list it. */
static bool is_named_by_another(const struct holding *k)
{
    const struct holding_ask *first = NULL;
    if (k->source == UINT32_MAX) return false;
    for (uint32_t i = 0; i < k->asks_n; i++) {
        const struct holding_ask *a = &k->asks[i];
        if (!has_it(a)) continue;
        if (!first || (is_duplicate(k, first) && !is_duplicate(k, a))) first = a;
    }
    return !first || first->server != k->source; /* none: it has expired meanwhile */
}

static void tell(const struct holding *k, enum holdings_state state, bool is_different)
{
    const struct holdings_how *how = k->h->how;
    uint32_t *found = calloc(2 * (size_t)k->asks_n + 1, sizeof *found);
    if (!found) abort();
    struct holdings_key key = {.client = &k->client,
                               .state = state,
                               .differs = is_different,
                               .found = found,
                               .duplicates = found + k->asks_n};
    for (uint32_t i = 0; i < k->asks_n; i++) {
        const struct holding_ask *a = &k->asks[i];
        if (is_duplicate(k, a))
            found[k->asks_n + key.duplicates_n++] = a->server;
        else if (has_it(a))
            found[key.found_n++] = a->server;
    }
    how->key(how->owner, &key);
    free(found);
}

static void end(struct holding *k)
{
    struct holdings *h = k->h;
    struct holdings_counts *n = h->counts;
    assert(k->waits == 0 && h->open > 0);
    h->open--;
    if (!is_named_by_another(k)) {
        enum holdings_state state = state_of(k);
        bool is_different = differs(k), is_duplicated = false;
        n->keys++;
        n->states[state]++;
        n->differing += is_different;
        for (uint32_t i = 0; i < k->asks_n; i++) {
            const struct holding_ask *a = &k->asks[i];
            struct holdings_server *s = &n->servers[a->server];
            s->items += has_it(a);
            s->duplicates += is_duplicate(k, a);
            s->unknown += a->has_failed;
            is_duplicated |= is_duplicate(k, a);
        }
        n->duplicated += is_duplicated;
        if (h->how->key) tell(k, state, is_different);
    }
    free(k);
}

/* --- what is asked, step by step ---------------------------------------------------------------- */

/* Copies are read only where there are several. */
static bool is_to_be_read(const struct holding *k, const struct holding_ask *a)
{
    uint32_t copies = 0;
    for (uint32_t i = 0; i < k->asks_n; i++) copies += k->asks[i].is_copy && has_it(&k->asks[i]);
    return copies > 1 && a->is_copy && has_it(a);
}

static bool is_asked(const struct holding *k, const struct holding_ask *a)
{
    switch (k->step) {
    case HOLDING_LOOKS: return true;
    case HOLDING_COMPARES: return is_to_be_read(k, a);
    case HOLDING_CLEANS: return k->h->how->clean && is_duplicate(k, a) && !is_named_by_another(k);
    }
    return false;
}

/* Sends the questions of this step; of the next one, if there are none. One wait of our own keeps it until all are sent. */
static void run(struct holding *k)
{
    for (;;) {
        for (uint32_t i = 0; i < k->asks_n; i++) k->asks[i].is_chosen = is_asked(k, &k->asks[i]);
        k->waits = 1;
        for (uint32_t i = 0; i < k->asks_n; i++)
            if (k->asks[i].is_chosen) ask(&k->asks[i]);
        if (--k->waits > 0) return;
        if (k->step == HOLDING_CLEANS) break;
        k->step++;
    }
    end(k);
}

/* A question has ended. */
static void settle(struct holding *k)
{
    if (--k->waits > 0) return;
    if (k->step == HOLDING_CLEANS) {
        end(k);
        return;
    }
    k->step++;
    run(k);
}

/* --- answers ------------------------------------------------------------------------------------ */

static void fail(struct holding_ask *a, const char *why, size_t len)
{
    struct holdings_server *s = &a->of->h->counts->servers[a->server];
    size_t n = 0, most = len < sizeof s->why - 1 ? len : sizeof s->why - 1;
    while (n < most && (uint8_t)why[n] >= ' ') n++;
    if (!s->why[0]) snprintf(s->why, sizeof s->why, "%.*s", (int)n, why);
    a->has_failed = true;
}

static void take_deleted(struct holding_ask *a, const struct response *r)
{
    struct holdings *h = a->of->h;
    bool is_done = r->kind & (RESPONSE_HD | RESPONSE_DELETED | RESPONSE_STORED);
    h->counts->servers[a->server].cleaned += is_done;
    if (r->kind & RESPONSE_ANY_ERROR) fail(a, (const char *)r->bytes, r->len);
}

/* False: it is asked once more, in other words. */
static bool take_reading(struct holding_ask *a, const struct response *r)
{
    struct holding *k = a->of;
    struct holdings *h = k->h;
    const struct tier_key *key = &k->names[a->name];
    if (reading_take(&a->reading, h->tier, a->server, key, r)) return true;
    bool is_old = !(r->kind & RESPONSE_SERVER_ERROR) ||
                  memmem(r->bytes, r->len, CLASSIC_LACKS, sizeof CLASSIC_LACKS - 1);
    if (!a->asked_get && !key->is_base64 && is_old) {
        h->uses_get[a->server] = true;
        return false;
    }
    a->reading.state = READING_NONE;
    fail(a, (const char *)r->bytes, r->len);
    return true;
}

/* A call_done_fn. */
static void on_answer(void *owner, const struct call_news *news)
{
    struct holding_ask *a = owner;
    struct holding *k = a->of;
    struct holdings *h = k->h;
    if (news->event != CALL_ANSWERED && news->event != CALL_FAILED) return;
    load_note(&h->load, a->server, tier_now(h->tier) - a->call.sent);
    h->in_flight--;
    if (news->event == CALL_FAILED) {
        const char *why = news->why == FAILURE_TIMEOUT ? "timeout" : "down";
        a->reading.state = READING_NONE;
        fail(a, why, strlen(why));
    } else if (k->step == HOLDING_CLEANS) {
        take_deleted(a, news->response);
    } else if (!take_reading(a, news->response)) {
        ask(a);
    }
    settle(k);
}

static void ask(struct holding_ask *a)
{
    struct holding *k = a->of;
    struct holdings *h = k->h;
    const struct tier_key *key = &k->names[a->name];
    char flags[TIER_FLAGS];
    bool uses_get = h->uses_get[a->server];
    struct request r = k->step == HOLDING_CLEANS
                           ? reading_delete(key, a->reading.cas, uses_get, flags)
                           : reading_ask(k->step == HOLDING_LOOKS ? READING_EXISTS : READING_WHOLE,
                                         key, uses_get, flags);
    a->asked_get = r.command_id == COMMAND_GETS;
    a->call.done = on_answer;
    a->call.owner = a;
    k->waits++;
    h->in_flight++;
    allowance_take(&h->asks, 1);
    if (!tier_send(h->tier, &a->call, a->server, &r, ANSWER)) return;
    h->in_flight--;
    k->waits--;
    a->reading.state = READING_NONE;
    fail(a, "down", 4);
}

/* --- its beginning ------------------------------------------------------------------------------ */

static uint8_t name_of(struct holding *k, const struct tier_key *name)
{
    for (uint32_t i = 0; i < k->names_n; i++)
        if (tier_key_is(&k->names[i], name)) return (uint8_t)i;
    if (k->names_n == HOLDINGS_NAMES) {
        k->is_unclear = true;
        return 0;
    }
    k->names[k->names_n] = *name;
    return (uint8_t)k->names_n++;
}

/* The script's places of the key. reads: of a get, else of a set. */
static void note_spots(struct holding *k, const struct tier_spots *spots, bool reads)
{
    k->is_unclear |= spots->is_cut || spots->has_failed || spots->refused;
    for (uint32_t i = 0; i < spots->n; i++) {
        const struct tier_spot *spot = &spots->at[i];
        uint8_t name = name_of(k, &spot->key);
        struct holding_ask *a = &k->asks[spot->server * HOLDINGS_NAMES + name];
        bool is_main = spot->role == WALK_MAIN || spot->role == WALK_ALSO;
        a->is_known = true;
        a->is_read |= reads && spot->role <= WALK_ON_MISS;
        a->is_copy |= !reads && is_main && !spot->is_conditional && spot->share >= 1;
    }
}

/* Leaves out the names that there are not. */
static void press(struct holding *k, uint32_t servers)
{
    uint32_t n = 0;
    for (uint32_t server = 0; server < servers; server++) {
        for (uint32_t name = 0; name < k->names_n; name++) {
            k->asks[n] = k->asks[server * HOLDINGS_NAMES + name];
            k->asks[n].of = k;
            k->asks[n].server = server;
            k->asks[n].name = (uint8_t)name;
            n++;
        }
    }
    k->asks_n = n;
}

void holding_begin(struct holdings *h, const struct tier_key *client, uint32_t source)
{
    struct tier *t = h->tier;
    tier_spots(t, TIER_OLD, false, client, &h->spots[0]);
    tier_spots(t, TIER_OLD, true, client, &h->spots[1]);
    uint32_t servers = t->servers_n;
    holdings_make_room(h);
    struct holding *k =
        calloc(1, sizeof *k + (size_t)servers * HOLDINGS_NAMES * sizeof(struct holding_ask));
    if (!k) abort();
    k->h = h;
    k->client = *client;
    k->source = source;
    note_spots(k, &h->spots[0], true);
    note_spots(k, &h->spots[1], false);
    if (k->names_n == 0) (void)name_of(k, client);
    press(k, servers);
    h->open++;
    run(k);
}

/* --- the client's key --------------------------------------------------------------------------- */

static bool is_sent_as(const struct tier_spots *spots, const struct tier_key *name)
{
    for (uint32_t i = 0; i < spots->n; i++)
        if (tier_key_is(&spots->at[i].key, name)) return true;
    return false;
}

/* The key itself; or what is left of it without what the script puts before keys. */
bool holding_client_of(struct holdings *h, const struct tier_key *name, struct tier_key *client)
{
    struct tier_spots *spots = &h->spots[0];
    *client = *name;
    tier_spots(h->tier, TIER_OLD, false, name, spots);
    if (is_sent_as(spots, name) || spots->n == 0) return spots->n > 0;
    const struct tier_key sent = spots->at[0].key;
    if (sent.len <= name->len) return false;
    size_t more = sent.len - name->len;
    if (more >= name->len || memcmp(sent.bytes, name->bytes, more) != 0) return false;
    client->len = (uint16_t)(name->len - more);
    memmove(client->bytes, client->bytes + more, client->len);
    client->is_base64 = name->is_base64 && !request_key_is_valid(client->bytes, client->len, false);
    tier_spots(h->tier, TIER_OLD, false, client, spots);
    return is_sent_as(spots, name);
}
