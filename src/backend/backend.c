#include "backend/backend.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/apart.h"
#include "backend/closing.h"
#include "backend/credential.h"
#include "backend/events.h"
#include "backend/framed.h"
#include "backend/gate.h"
#include "backend/health.h"
#include "backend/meter.h"
#include "backend/release.h"
#include "backend/relocate.h"
#include "backend/retry.h"
#include "backend/secure.h"
#include "backend/sharers.h"
#include "placement/hash.h"

/* How a server is talked to, and in which order the files of this floor stand.
 *
 * The floor has two sides. One is what a connection does: it connects, proves its server, writes requests, matches responses with
 * calls and notices that time has passed. The other is what a server decides: when and where a connection is tried again, whether
 * the server is down, which connection takes a request. A file calls only files above it in this list:
 *
 *     news, data   plain structs: what a connection reports; a server, and the set of a worker's servers
 *     call         one request in flight: its keys, its owner, its deadline
 *     sharers      the further owners of a get that several ask
 *     written      notes which keys calls write (see src/base/writes.c)
 *     texts        what a client learns about a call that failed
 *     words        in which words a server is asked for the key of a get
 *     secure       TLS to servers: settings by number, the steps of a handshake
 *     conn         a connection's state and what follows from it alone: interest, alarm, the list of unsent; reports news
 *     fifo         a connection's calls in the order sent, and how each of them ends
 *     held         requests whose bytes are not in the stream yet
 *     alone        the keys of a refused line of several owners are asked for one by one
 *     wins         what an mg in place of a get does too much, put right
 *     intake       the bytes of responses, matched with calls
 *     connect      the way to READY: a socket, `version`, `mn`
 *     events       what the loop brings a connection: bytes, room, the alarm
 *
 *     locate       the addresses of a server
 *     health       whether a server is down
 *     gate         servers for which deletes wait on the disk: down for all but deletes
 *     ejection     when a server leaves the rings of pools by its errors, as in twemproxy
 *     retry        when and where a connection is tried
 *     closing      what follows when a connection has ended
 *     apart        connections for requests that nobody may share one with
 *     share        a get that is under way already is not asked a second time
 *     send         from a request to the connection that takes it, now or later
 *     relocate     what other addresses mean for the connections
 *     lines        a connection of its own for one question with a long answer: no calls, no health
 *     backend      the set of servers; takes the news of their connections
 *     twins        servers that a pool has twice
 *     pool         servers and a selector
 *
 * No two of them call each other. A connection cannot decide for its server, so it reports: conn_news_fn (news.h) is the only way
 * from the first side to the second, and on_conn below takes all of them. News are rare. A request and its response cause none,
 * unless others wait apart: all calls on their path are direct and go down, up to the call's owner, whose function came with the
 * request. The two sides share data: a connection reads its server's settings and clock, and writes what it alone learns:
 * statistics, version, late, large_value, noops_lost, apart_held.
 *
 * A turn of the loop: backend_send appends requests to the stream of a connection, or holds them back, and puts the connection on
 * the list of unsent ones. It writes nothing. At the end of the turn backends_flush writes each connection once. When bytes come,
 * events reads them, intake finds the responses, fifo ends the calls and runs their owners; an owner may send more at once.
 *
 * Two recursions exist at run time. An attempt that fails at once reports LOST, closing tries the next address, and that may fail
 * at once too: each address is tried once, then the connection waits for its back-off. And an owner that takes the end of a call
 * may send another call: how often is the route's to bound.
 *
 * What must never happen:
 * - A call ends twice, or never (I1). It is answered or failed once, and leaves the FIFO before its owner runs. A deadline that
 *   passes takes its owner away and leaves the call where it is, because its response will still come (I2).
 * - A connection or a server is freed by what runs inside one of its callbacks. backends_sweep and backends_release free, and are
 *   called from outside; a connection that ends stays, with its memory, and is tried again.
 * - A client's request makes a server look ill (I9); see closing.h.
 */

/* Servers that are connected, or freed, at once; seconds until the next ones are. Each takes some 20 us. */
enum { AT_A_TIME = 32 };
static const double PACE = 0.002;

static bool backend_sane(const struct backend *b)
{
    bool has_left = b->settings.connections == 1 && b->counts == 0 && !b->watch && !b->apart_held;
    return (b->addrs_n == 0) == (b->addrs == NULL) && (!b->leaves || has_left) && b->on_conn;
}

/* --- the set ----------------------------------------------------------------------------------- */

static struct backend **list_of(struct backends *set, const char *name)
{
    return &set->named[hash_bytes(HASH_XXH3, name, strlen(name)) % BACKEND_NAMES];
}

/* One that leaves (relocate.c) was never in the list: nobody is to find it. */
static void forget_name(struct backend *b)
{
    struct backend **at = list_of(b->set, b->name);
    while (*at && *at != b) at = &(*at)->next_named;
    assert(!*at == b->leaves);
    if (*at) *at = b->next_named;
}

/* Calls that are left fail, and their owners run: nothing may be sent to b any more. */
static void backend_destroy(struct backend *b, const char *reason)
{
    assert(backend_sane(b) && !b->ejections);
    b->stats->down -= b->down;
    for (uint32_t i = 0; i < b->settings.connections; i++) {
        struct conn *conn = b->conns[i];
        if (conn->state != CONN_IDLE) b->stats->connections--;
        conn_release(conn, reason);
        conn_forget_unsent(conn);
        conn_forget_holding(conn);
        conn_destroy(conn);
    }
    apart_destroy(b, reason);
    backend_unlocate(b);
    forget_name(b);
    secure_drop_session(b);
    secure_give(b->set, b->settings.tls);
    credential_give(b->set, b->settings.auth);
    free(b->host);
    free(b->conns);
    free(b);
}

static void stop_timers(struct backends *set)
{
    if (!set->loop) return;
    ev_timer_stop(set->loop, &set->pace);
    ev_timer_stop(set->loop, &set->again);
}

void backends_stop(struct backends *set)
{
    stop_timers(set);
    for (struct backend *b = set->first; b; b = b->next) {
        for (uint32_t i = 0; i < b->settings.connections; i++) {
            if (b->conns[i]->state != CONN_IDLE) b->stats->connections--;
            conn_release(b->conns[i], "moongate ends");
        }
        apart_release(b, "moongate ends");
    }
}

void backends_release(struct backends *set)
{
    stop_timers(set);
    while (set->first) {
        struct backend *b = set->first;
        set->first = b->next;
        backend_destroy(b, "moongate ends");
    }
    secures_release(set);
    credentials_release(set);
    gates_release(set);
}

struct backend_settings backend_settings_default(void)
{
    return (struct backend_settings){
#define X(name, type, fallback, least, most, meaning) .name = (fallback),
        BACKEND_SETTINGS(X)
#undef X
    };
}

/* All of them, as a connection must not be shared by pools that want it otherwise. */
static bool settings_equal(const struct backend_settings *a, const struct backend_settings *b)
{
#define X(name, type, fallback, least, most, meaning) &&a->name == b->name
    return true BACKEND_SETTINGS(X);
#undef X
}

/* --- news of its connections ------------------------------------------------------------------- */

/* A conn_news_fn. Connections apart do not count for the server's health. */
static void on_conn(struct conn *c, const struct conn_news *news)
{
    struct backend *b = c->backend;
    assert(backend_sane(b) && !(c->is_apart && b->leaves));
    switch (news->event) {
    case NEWS_READY:
        if (!c->is_apart) gate_note_ready(b);
        break;
    case NEWS_LOST: closing_end(c, news->loss, news->reason); break;
    case NEWS_NO_SOCKET: retry_without_socket(c, news->reason); break;
    case NEWS_NO_ADDRESS: retry_without_address(c); break;
    case NEWS_RETRY: retry_due(c); break;
    case NEWS_LATE: closing_end_late(c); break;
    case NEWS_ROOM: release_flush(c); break;
    case NEWS_CALL_ENDED: apart_look(b); break;
    }
}

/* --- making and finding ------------------------------------------------------------------------ */

static struct backend *backend_create(struct backends *set, const char *name,
                                      const struct addr_spec *spec,
                                      const struct backend_settings *settings)
{
    struct backend *b = malloc(sizeof *b);
    if (!b) abort();
    *b = (struct backend){.set = set,
                          .settings = *settings,
                          .next = set->first,
                          .on_conn = on_conn,
                          .suspects = ~(uint64_t)0,
                          .asks_get_until = set->asks_plainly ? INFINITY : 0,
                          .large_value = BACKEND_LARGE_VALUE};
    snprintf(b->name, sizeof b->name, "%s", name);
    struct backend **list = list_of(set, b->name);
    b->next_named = *list;
    *list = b;
    b->stats = board_server(&set->part->tables, name);
    if (b->stats)
        b->trouble = &set->part->troubles[b->stats - set->part->tables.servers];
    else
        b->stats = &set->unlisted;
    b->host = spec->host[0] ? strdup(spec->host) : NULL;
    b->conns = calloc(settings->connections, sizeof *b->conns);
    if (!b->conns || (spec->host[0] && !b->host)) abort();
    secure_take(set, settings->tls);
    credential_take(set, settings->auth);
    b->is_framed = b->is_unusual = framed_is_wanted(set, settings);
    for (uint32_t i = 0; i < settings->connections; i++) b->conns[i] = conn_create(b);
    set->first = b;
    backend_locate(b, spec);
    gate_begin(b);
    return b;
}

struct backend *backends_get(struct backends *set, const char *name, const struct addr_spec *spec,
                             const struct backend_settings *settings)
{
    for (struct backend *b = *list_of(set, name); b; b = b->next_named) {
        if (!b->leaves && strcmp(b->name, name) == 0 && settings_equal(&b->settings, settings))
            return backend_take(b);
    }
    return backend_take(backend_create(set, name, spec, settings));
}

struct backend *backend_take(struct backend *b)
{
    assert(backend_sane(b) && !b->leaves);
    b->counts++;
    return b;
}

void backend_give(struct backend *b)
{
    assert(backend_sane(b) && b->counts > 0);
    b->counts--;
}

/* At most so many connections are begun. True: more are left. */
static bool start_some(struct backends *set, uint32_t most)
{
    for (struct backend *b = set->first; b && set->loop; b = b->next) {
        for (uint32_t i = 0; b->counts > 0 && i < b->settings.connections; i++) {
            if (b->conns[i]->state != CONN_IDLE) continue;
            if (most-- == 0) return true;
            retry_begin(b->conns[i]);
        }
    }
    return false;
}

static bool conn_is_tried(const struct conn *c)
{
    return c->state == CONN_READY || c->state == CONN_WAITING || c->state == CONN_IDLE;
}

bool backends_are_tried(const struct backends *set)
{
    for (const struct backend *b = set->first; b; b = b->next)
        for (uint32_t i = 0; b->counts > 0 && i < b->settings.connections; i++)
            if (!conn_is_tried(b->conns[i])) return false;
    return !ev_is_active(&set->pace);
}

/* --- the set, while it serves ------------------------------------------------------------------ */

/* Calls on all its connections. */
static uint64_t backend_depth(const struct backend *b)
{
    uint64_t depth = apart_depth(b);
    for (uint32_t i = 0; i < b->settings.connections; i++) depth += b->conns[i]->depth;
    return depth;
}

/* Likewise of those that are freed. */
static bool sweep_some(struct backends *set, uint32_t most)
{
    struct backend **p = &set->first;
    while (*p) {
        struct backend *b = *p;
        if (b->counts > 0 || backend_depth(b) > 0) {
            p = &b->next;
            continue;
        }
        if (most-- == 0) return true;
        *p = b->next;
        log_debug("backend %s: gone: no pool names it", b->name);
        backend_destroy(b, "removed");
    }
    return false;
}

/* What is left is done from the loop, some at a time, so that other work comes between. */
static void go_on_later(struct backends *set)
{
    if (ev_is_active(&set->pace)) return;
    ev_timer_set(&set->pace, PACE, PACE);
    ev_timer_start(set->loop, &set->pace);
}

static void on_pace(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct backends *set = timer->data;
    (void)events;
    bool starts = start_some(set, AT_A_TIME), sweeps = sweep_some(set, AT_A_TIME);
    if (!starts && !sweeps) ev_timer_stop(loop, timer);
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    events_read_held(timer->data);
}

void backends_init(struct backends *set, struct ev_loop *loop, struct arena *arena,
                   struct board_worker *part)
{
    *set = (struct backends){
        .loop = loop, .arena = arena, .part = part, .row = &part->row, .log = {.burst = 20}};
    set->writer = writer_private();
    ev_init(&set->pace, on_pace);
    ev_init(&set->again, on_again);
    set->pace.data = set->again.data = set;
    meter_init(set);
}

void backends_start(struct backends *set)
{
    if (start_some(set, AT_A_TIME)) go_on_later(set);
}

void backends_sweep(struct backends *set)
{
    if (sweep_some(set, set->loop ? AT_A_TIME : UINT32_MAX)) go_on_later(set);
}

/* The list is taken from its head, as what is written may fail calls, whose owners put connections on it again. */
void backends_flush(struct backends *set)
{
    while (set->unsent) {
        struct conn *conn = set->unsent;
        set->unsent = conn->next_unsent;
        assert(conn->unsent);
        conn->unsent = false;
        release_flush(conn);
    }
}

uint64_t backends_in_flight(const struct backends *set)
{
    uint64_t depth = 0;
    for (const struct backend *b = set->first; b; b = b->next) depth += backend_depth(b);
    return depth;
}

/* A noreply call has no owner and is awaited too: a drain waits for its response. One whose deadline passed is not. */
static bool conn_is_awaited(const struct conn *c, double now)
{
    for (const struct call *call = c->head; call; call = call->next) {
        if (call->deadline > now) return true;
        if (call->sharers && sharers_last_deadline(call->sharers) > now) return true;
    }
    return false;
}

static bool backend_is_awaited(const struct backend *b, double now)
{
    for (uint32_t i = 0; i < b->settings.connections; i++)
        if (conn_is_awaited(b->conns[i], now)) return true;
    for (int i = 0; i < BACKEND_APART; i++)
        if (b->apart[i] && conn_is_awaited(b->apart[i], now)) return true;
    return false;
}

bool backends_are_awaited(const struct backends *set)
{
    for (const struct backend *b = set->first; b; b = b->next)
        if (backend_is_awaited(b, set->now)) return true;
    return false;
}

bool backend_is_same(const struct backend *a, const struct backend *b)
{
    if (strcmp(a->name, b->name) == 0) return true;
    return a->addrs && b->addrs && memcmp(a->addrs, b->addrs, sizeof *a->addrs) == 0;
}

bool backend_is_first(const struct backend *b)
{
    bool is_before = true;
    if (b->counts == 0) return false;
    for (const struct backend *other = b->set->first; other; other = other->next) {
        if (other == b) is_before = false;
        if (other == b || other->counts == 0 || !backend_is_same(other, b)) continue;
        if (other->down == b->down ? is_before : b->down) return false;
    }
    return true;
}

struct backend *backends_find(const struct backends *set, const char *name)
{
    for (struct backend *b = set->first; b; b = b->next) {
        if (strcmp(b->name, name) == 0 && backend_is_first(b)) return b;
    }
    return NULL;
}

const char *backends_lowest_version(const struct backends *set)
{
    const char *lowest = NULL;
    uint32_t lowest_number = UINT32_MAX;
    for (const struct backend *b = set->first; b; b = b->next) {
        uint32_t number = dialect_number(b->version, strlen(b->version));
        if (b->counts == 0 || number == 0 || number >= lowest_number) continue;
        lowest = b->version;
        lowest_number = number;
    }
    return lowest;
}
