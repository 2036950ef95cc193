/* What happens to a request while there are viewers.
 *
 * When it comes, each filter that a viewer has set says whether it may want it: by its key, its command, and chance. If none does, and
 * there is no slow log, nothing is noted. Otherwise the reply gets a note (struct sight) for each key that is wanted, with a copy of the
 * key. The routes tell where it goes (route/seen.h). When the reply is complete the rest is known: the result, the time, the server. The
 * filters are asked again; what still fits becomes an event in the ring, and what took long a line in the log.
 *
 * Which server: the one whose answer or failure is being passed on at that moment (backends.from), when the request has asked it; else
 * the one that it has asked last. That is right for a plain pool, and for a policy it is the server that decided. Of several keys each
 * has its own calls.
 *
 * Time is the turn's, so that a request costs no system call; what ends in the turn in which it came looks at the clock. */
#include "client/sight.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/process.h"
#include "base/slab.h"
#include "client/entry.h"
#include "client/noted.h"
#include "client/parts.h"
#include "client/reply.h"
#include "client/state.h"
#include "net/addr.h"
#include "route/seen.h"

enum { SLOW_LINES = 10 }; /* a second */

static const uint32_t SLOW = (uint32_t)1 << LIVE_SLOW;

/* Copies a text, cut to its room: printf would cost more than all else here. Returns its end. */
static char *copy(char *to, size_t room, const char *text)
{
    size_t n = strnlen(text, room - 1);
    memcpy(to, text, n);
    to[n] = '\0';
    return to + n;
}

#define COPY(to, text) (void)copy(to, sizeof(to), text)

/* --- notes ------------------------------------------------------------------------------------- */

static const char *command_text(unsigned command)
{
    return command == COMMAND_NONE ? "?" : command_info(command)->text;
}

static bool stores(unsigned command)
{
    unsigned shape = command_info(command)->shape;
    return shape == SHAPE_STORE || shape == SHAPE_META_STORE;
}

/* NULL: nobody wants it. A refused request may have a key that is too long. */
static struct sight *sight_create(struct sighting *s, const struct request *r)
{
    const uint8_t *key = (const uint8_t *)r->key_at;
    size_t len = key && r->key_len <= LIVE_KEY ? r->key_len : 0;
    uint32_t watchers = 0;
    if (s->filters.active)
        watchers = live_begins(&s->filters, command_text(r->command_id), key, len, s->random);
    if (s->slow > 0) watchers |= SLOW;
    if (!watchers) return NULL;
    if (s->held >= SIGHTS_MOST) {
        if (s->ring) live_drop(s->ring, watchers);
        return NULL;
    }
    struct sight *one = slab_borrow(sizeof *one + len);
    one->watchers = watchers;
    one->key_len = (uint16_t)len;
    one->asked_n = 0;
    one->is_routed = one->has_failed = false;
    one->route[0] = '\0';
    if (len) memcpy(one->key, key, len);
    s->held++;
    return one;
}

static void sight_destroy(struct sighting *s, struct sight *one)
{
    assert(s->held > 0);
    s->held--;
    if (s->routed == one) s->routed = NULL;
    slab_return(one, sizeof *one + one->key_len);
}

static size_t sights_size(uint32_t n)
{
    return sizeof(struct sights) + n * sizeof(struct sight *);
}

static void sights_destroy(struct sights *all)
{
    for (uint32_t i = 0; i < all->n; i++)
        if (all->of[i]) sight_destroy(&all->set->sighting, all->of[i]);
    slab_return(all, sights_size(all->n));
}

static void sights_fill(struct sights *all, const struct client *c, const struct request *r,
                        uint32_t keys)
{
    *all = (struct sights){.set = c->set,
                           .began = c->turn->now,
                           .n = keys,
                           .value_len = r->value_len,
                           .command = r->command_id,
                           .noreply = r->noreply};
}

void sight_begin(struct reply *reply, const struct request *r, uint32_t keys)
{
    const struct client *c = reply->client;
    struct clients *set = c->set;
    struct sight *one = NULL;
    struct noted *noted = NULL;
    bool is_chosen = set->sighting.is_on && sight_is_chosen(&set->sighting, keys);
    bool is_recorded = feed_looks(&set->feed);
    if (keys == 1) {
        if (is_chosen) one = sight_create(&set->sighting, r);
        if (is_recorded) noted = noted_create(reply, r, 1, NULL);
        if (!one && !noted) return;
    } else if (!is_chosen && !is_recorded) {
        return;
    }
    reply->sights = slab_borrow(sights_size(keys));
    sights_fill(reply->sights, c, r, keys);
    memset(reply->sights->of, 0, keys * sizeof reply->sights->of[0]);
    reply->sights->of[0] = one;
    reply->sights->noted = noted;
}

void sight_key(struct reply *reply, struct request *r)
{
    struct sights *all = reply->sights;
    struct clients *set = all->set;
    assert(r->part < all->n && !all->of[r->part]);
    if (feed_looks(&set->feed)) all->noted = noted_create(reply, r, all->n, all->noted);
    if (!set->sighting.is_on || !sight_is_chosen(&set->sighting, 1)) return;
    all->of[r->part] = sight_create(&set->sighting, r);
    if (all->of[r->part]) r->meta |= META_SEEN;
}

/* --- on its way -------------------------------------------------------------------------------- */

static struct sight *sight_at(const struct reply *reply, uint32_t place)
{
    struct sights *all = reply->sights;
    return all ? all->of[all->n > 1 ? place : 0] : NULL;
}

static void note_routed(void *owner, uint32_t place, const struct route *route)
{
    const struct reply *reply = owner;
    struct sight *one = sight_at(reply, place);
    if (!one) return;
    struct sighting *s = &reply->sights->set->sighting;
    one->is_routed = true;
    one->routed = reply->sights->set->turn->seen_at;
    s->routed = one;
    if (route && route->kind == ROUTE_POOL && !route->text)
        (void)copy(copy(one->route, sizeof one->route, "pool "), sizeof one->route - 5,
                   route->pool->settings.name);
    else if (route)
        COPY(one->route, route->text ? route->text : "route");
}

static void note_sent(void *owner, uint32_t place, const struct pool *pool,
                      const struct board_server *server)
{
    const struct reply *reply = owner;
    struct sight *one = sight_at(reply, place);
    if (!one) return;
    const struct turn *t = reply->sights->set->turn;
    if (one->asked_n == SIGHT_ASKED)
        memmove(one->asked, one->asked + 1, (SIGHT_ASKED - 1) * sizeof one->asked[0]);
    else
        one->asked_n++;
    one->asked[one->asked_n - 1].server = server;
    one->asked[one->asked_n - 1].at = t->is_routing ? t->seen_at : t->now;
    COPY(one->asked[one->asked_n - 1].pool, pool->settings.name);
}

static const struct seen seen = {
    .on_result = reply_result, .on_routed = note_routed, .on_sent = note_sent};

/* --- events ------------------------------------------------------------------------------------ */

struct ending {
    struct sights *all;
    const struct client *client; /* NULL: it has gone */
    double end;
};

static void set_address(struct sighting *s, const struct client *c, char to[LIVE_CLIENT])
{
    char address[ADDR_TEXT_MAX];
    if (!c) {
        snprintf(to, LIVE_CLIENT, "(gone)");
        return;
    }
    char *known = s->addresses[c->affinity % SIGHT_ADDRESSES].text;
    if (s->addresses[c->affinity % SIGHT_ADDRESSES].affinity != c->affinity) {
        (void)copy(known, LIVE_CLIENT, client_address(c, address));
        s->addresses[c->affinity % SIGHT_ADDRESSES].affinity = c->affinity;
    }
    memcpy(to, known, LIVE_CLIENT);
}

static uint32_t microseconds(double seconds)
{
    return seconds <= 0 ? 0 : seconds >= 4000 ? UINT32_MAX : (uint32_t)(seconds * 1e6 + 0.5);
}

static void set_stages(struct live_event *e, const struct ending *x, const struct sight *one,
                       unsigned asked)
{
    const struct backends *set = x->all->set->turn->backends;
    double routed = one->is_routed ? one->routed : x->all->began, waited = 0;
    if (one->asked_n == 0) {
        e->stages[LIVE_IN_SCRIPT] = microseconds(x->end - x->all->began);
        return;
    }
    double sent = one->asked[asked].at;
    if (set->from == one->asked[asked].server && set->from_ready > sent)
        waited = set->from_ready - sent;
    e->stages[LIVE_IN_SCRIPT] = microseconds(routed - x->all->began);
    e->stages[LIVE_IN_BEFORE] = microseconds(sent - routed);
    e->stages[LIVE_IN_CONNECTION] = microseconds(waited);
    e->stages[LIVE_IN_SERVER] = microseconds(x->end - sent - waited);
}

static void set_server(struct live_event *e, const struct ending *x, const struct sight *one)
{
    const struct board_server *from = x->all->set->turn->backends->from;
    unsigned asked = one->asked_n ? one->asked_n - 1u : 0;
    for (unsigned i = 0; i < one->asked_n; i++)
        if (one->asked[i].server == from) asked = i;
    if (one->asked_n) {
        COPY(e->server, one->asked[asked].server->name);
        COPY(e->pool, one->asked[asked].pool);
    }
    set_stages(e, x, one, asked);
}

static void log_slow(struct sighting *s, const struct live_event *e, double now)
{
    char line[LIVE_LINE];
    if (log_allows(&s->lines, now)) log_warn("slow request: %s", live_slow_line(e, line));
}

/* What can be known of it; then who wants it; then the rest. */
static void tell(const struct ending *x, const struct sight *one, enum live_result result,
                 const char *text, size_t bytes)
{
    struct sighting *s = &x->all->set->sighting;
    struct live_event e;
    double took = x->end - x->all->began;
    struct timespec now;
    bool is_slow = s->slow > 0 && took >= s->slow;
    if (one->watchers == SLOW && !is_slow) return;
    memset(&e, 0, sizeof e);
    e.result = (uint8_t)result;
    e.key_len = (uint8_t)one->key_len;
    e.us = took > 0 ? (uint64_t)(took * 1e6 + 0.5) : 0;
    memcpy(e.key, one->key, one->key_len);
    COPY(e.command, command_text(x->all->command));
    set_server(&e, x, one);
    e.watchers = live_ends(&s->filters, one->watchers, &e);
    if (!is_slow) e.watchers &= ~SLOW;
    if (!e.watchers) return;
    clock_gettime(CLOCK_REALTIME, &now);
    e.at = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    e.bytes = stores(x->all->command) ? x->all->value_len : bytes;
    e.noreply = x->all->noreply;
    COPY(e.text, text);
    COPY(e.route, one->route[0] ? one->route : one->is_routed ? "function" : "");
    if (!one->route[0] && !one->is_routed && one->asked_n) COPY(e.route, "function that waits");
    set_address(s, x->client, e.client);
    if (x->client) COPY(e.listener, client_listener(x->client));
    if (x->client) COPY(e.identity, client_identity(x->client));
    if (e.watchers & SLOW) log_slow(s, &e, x->end);
    struct live_event *place = s->ring ? live_place(s->ring, e.watchers) : NULL;
    if (!place) return;
    *place = e;
    live_written(s->ring);
}

/* What ends in the turn in which it came has taken no time by the turn's clock. */
static struct ending ending_of(struct sights *all, const struct client *c)
{
    double now = all->set->turn->now;
    return (struct ending){all, c, now > all->began ? now : process_clock()};
}

void sight_end(struct reply *reply, size_t bytes)
{
    struct sights *all = reply->sights;
    struct sighting *s = &all->set->sighting;
    struct ending x = ending_of(all, reply->client);
    reply->sights = NULL;
    enum live_result result = reply->client ? s->outcome.result : LIVE_GONE;
    if (all->noted) {
        struct noted_end end = {reply->began, x.end, result, s->outcome.text, bytes};
        noted_finish(all->noted, reply, &all->set->feed, &end);
    }
    for (uint32_t i = 0; i < all->n; i++)
        if (all->of[i])
            tell(&x, all->of[i], result, result == LIVE_GONE ? "" : s->outcome.text, bytes);
    sight_note(s, LIVE_ANSWERED, "", 0);
    sights_destroy(all);
}

void sight_end_parts(struct reply *reply)
{
    struct sights *all = reply->sights;
    struct ending x = ending_of(all, reply->client);
    char failure[LIVE_TEXT] = "";
    if (reply->failure)
        snprintf(failure, sizeof failure, "%.*s", (int)reply->failure_len - 2, reply->failure);
    if (all->noted) {
        enum live_result other = reply->failure ? LIVE_ERROR : LIVE_MISS;
        struct noted_end end = {reply->began, x.end, other, failure, 0};
        noted_finish_parts(all->noted, reply, &all->set->feed, &end);
    }
    for (uint32_t i = 0; i < all->n; i++) {
        const struct sight *one = all->of[i];
        size_t bytes = (size_t)reply->parts[i].len + reply->parts[i].tail_len;
        if (one && bytes)
            tell(&x, one, LIVE_HIT, "", bytes);
        else if (one)
            tell(&x, one, one->has_failed ? LIVE_ERROR : LIVE_MISS, one->has_failed ? failure : "",
                 0);
    }
    reply->sights = NULL;
    sights_destroy(all);
}

void sight_local(struct client *c, unsigned command, const struct request *r)
{
    struct sighting *s = &c->set->sighting;
    struct sights all;
    struct ending x = {&all, c, process_clock()};
    struct request known = r ? *r : (struct request){0};
    known.command_id = (uint8_t)command;
    sights_fill(&all, c, &known, 0);
    if (feed_looks(&c->set->feed)) {
        struct noted_end end = {x.end, x.end, s->outcome.result, s->outcome.text, s->line_bytes};
        noted_refused(c, &known, &end);
    }
    bool is_chosen = s->is_on && sight_is_chosen(s, 1);
    struct sight *one = is_chosen ? sight_create(s, &known) : NULL;
    if (one) {
        one->is_routed = true;
        COPY(one->route, "moongate");
        tell(&x, one, s->outcome.result, s->outcome.text, s->line_bytes);
        sight_destroy(s, one);
    }
    sight_note(s, LIVE_ANSWERED, "", 0);
    s->line_bytes = 0;
}

/* --- who watches ------------------------------------------------------------------------------- */

void sighting_init(struct sighting *s, const struct live_filters *filters, struct live_ring *ring)
{
    assert((filters == NULL) == (ring == NULL));
    *s = (struct sighting){
        .board = filters, .ring = ring, .random = 2463534242u, .lines = {.burst = SLOW_LINES}};
}

void sighting_look(struct clients *set)
{
    struct sighting *s = &set->sighting;
    if (s->board) live_copy_filters(&s->filters, s->board);
    s->slow = set->limits.slow_log;
    s->is_on = s->filters.active || s->slow > 0;
    s->most = s->slow > 0 ? UINT32_MAX : live_most(&s->filters);
    set->turn->seen = s->is_on ? &seen : NULL;
    set->turn->is_watched = s->is_on || feed_looks(&set->feed);
}
