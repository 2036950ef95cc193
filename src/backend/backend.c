#include "backend/backend.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/apart.h"
#include "backend/closing.h"
#include "backend/connect.h"
#include "backend/held.h"
#include "backend/locate.h"
#include "backend/written.h"
#include "base/slab.h"

enum {
    /* Servers cut a gat short where they take a get of any length, so it is held to the length of other lines. */
    GAT_LINE = LINE_MAX_BYTES - 256,
    LARGE_VALUE =
        512 *
        1024, /* a store of so many bytes may be refused, where nobody has looked at the server's version */
    SHORT_VALUE = 1024, /* bytes of a value, with its CRLF, that is copied beside its line */
    UNSENT_MAX = 64 * 1024 * 1024, /* bytes that may wait to be written to one connection */
};

/* --- the set ----------------------------------------------------------------------------------- */

void backends_init(struct backends *set, struct ev_loop *loop, struct arena *arena,
                   struct board_worker *part)
{
    *set = (struct backends){
        .loop = loop, .arena = arena, .part = part, .row = &part->row, .log = {.burst = 20}};
    set->writer = writer_private();
}

static void backend_destroy(struct backend *b, const char *reason)
{
    b->stats->down -= b->down;
    for (uint32_t i = 0; i < b->settings.connections; i++) {
        struct conn *conn = b->conns[i];
        if (conn->state != CONN_IDLE) b->stats->connections--;
        conn_release(conn, reason);
        conn_forget_unsent(conn);
        conn_destroy(conn);
    }
    apart_destroy(b, reason);
    backend_unlocate(b);
    slab_return(b->conns, sizeof *b->conns * b->settings.connections);
    slab_return(b, sizeof *b);
}

void backends_stop(struct backends *set)
{
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
    while (set->first) {
        struct backend *b = set->first;
        set->first = b->next;
        backend_destroy(b, "moongate ends");
    }
}

struct backend_settings backend_settings_default(void)
{
    return (struct backend_settings){
#define X(name, type, fallback, least, most, meaning) .name = (fallback),
        BACKEND_SETTINGS(X)
#undef X
    };
}

static bool settings_equal(const struct backend_settings *a, const struct backend_settings *b)
{
#define X(name, type, fallback, least, most, meaning) &&a->name == b->name
    return true BACKEND_SETTINGS(X);
#undef X
}

static struct backend *backend_create(struct backends *set, const char *name,
                                      const struct addr_spec *spec,
                                      const struct backend_settings *settings)
{
    struct backend *b = slab_borrow(sizeof *b);
    *b = (struct backend){.set = set,
                          .settings = *settings,
                          .next = set->first,
                          .suspects = ~(uint64_t)0,
                          .large_value = LARGE_VALUE};
    snprintf(b->name, sizeof b->name, "%s", name);
    b->stats = board_server(set->part, name);
    if (!b->stats) b->stats = &set->unlisted;
    b->conns = slab_borrow(sizeof *b->conns * settings->connections);
    for (uint32_t i = 0; i < settings->connections; i++) b->conns[i] = conn_create(b);
    set->first = b;
    backend_locate(b, spec);
    return b;
}

struct backend *backends_get(struct backends *set, const char *name, const struct addr_spec *spec,
                             const struct backend_settings *settings)
{
    for (struct backend *b = set->first; b; b = b->next) {
        if (!b->leaves && strcmp(b->name, name) == 0 && settings_equal(&b->settings, settings))
            return backend_take(b);
    }
    return backend_take(backend_create(set, name, spec, settings));
}

struct backend *backend_take(struct backend *b)
{
    b->counts++;
    return b;
}

void backend_give(struct backend *b)
{
    assert(b->counts > 0);
    b->counts--;
}

void backends_start(struct backends *set)
{
    for (struct backend *b = set->first; b && set->loop; b = b->next) {
        if (b->counts == 0) continue;
        for (uint32_t i = 0; i < b->settings.connections; i++) {
            if (b->conns[i]->state == CONN_IDLE) b->stats->connections++;
            conn_start(b->conns[i]);
        }
    }
}

/* --- health ------------------------------------------------------------------------------------ */

static bool is_down(const struct backend *b)
{
    for (uint32_t i = 0; i < b->settings.connections; i++) {
        if (!conn_refuses(b->conns[i])) return false;
    }
    return true;
}

static void count_fall(struct backend *b)
{
    b->stats->falls++;
    b->stats->falls_connect += b->cause == FALL_CONNECT;
    b->stats->falls_timeout += b->cause == FALL_TIMEOUT;
    b->stats->falls_closed += b->cause == FALL_CLOSED;
}

static void log_health(const struct backend *b)
{
    static const char *const causes[] = {[FALL_CONNECT] = "not connected",
                                         [FALL_TIMEOUT] = "calls pass their timeout",
                                         [FALL_CLOSED] = "its connections end"};
    if (b->down)
        log_info("backend %s: down: its calls fail at once (%s)", b->name, causes[b->cause]);
    else
        log_info("backend %s: back", b->name);
}

void backend_note_health(struct backend *b)
{
    struct backends *set = b->set;
    bool down = is_down(b);
    if (down == b->down || b->leaves) return;
    b->down = down;
    b->stats->down += down ? 1 : -1;
    if (down) count_fall(b);
    set->changes++;
    if (log_allows(&set->log, set->now)) log_health(b);
    for (uint32_t i = 0; i < b->settings.connections && !down; i++) conn_wake(b->conns[i]);
}

/* --- the set, while it serves ------------------------------------------------------------------ */

static uint64_t backend_depth(const struct backend *b)
{
    uint64_t depth = apart_depth(b);
    for (uint32_t i = 0; i < b->settings.connections; i++) depth += b->conns[i]->depth;
    return depth;
}

void backends_sweep(struct backends *set)
{
    struct backend **p = &set->first;
    while (*p) {
        struct backend *b = *p;
        if (b->counts > 0 || backend_depth(b) > 0) {
            p = &b->next;
            continue;
        }
        *p = b->next;
        log_debug("backend %s: gone: no pool names it", b->name);
        backend_destroy(b, "removed");
    }
}

void backends_flush(struct backends *set)
{
    while (set->unsent) {
        struct conn *conn = set->unsent;
        set->unsent = conn->next_unsent;
        conn->unsent = false;
        conn_flush(conn);
    }
}

uint64_t backends_in_flight(const struct backends *set)
{
    uint64_t depth = 0;
    for (const struct backend *b = set->first; b; b = b->next) depth += backend_depth(b);
    return depth;
}

static bool conn_is_awaited(const struct conn *c, double now)
{
    for (const struct call *call = c->head; call; call = call->next)
        if (call->deadline > now) return true;
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

/* --- one request ------------------------------------------------------------------------------- */

static enum backend_status refuse(const struct backend *b, const char *why, const char **reason)
{
    static char text[BACKEND_NAME_MAX + BACKEND_REASON_MAX + 2];
    snprintf(text, sizeof text, "%s %s", b->name, why);
    *reason = text;
    b->set->row->call_failures++;
    b->stats->refused++;
    return BACKEND_REFUSED;
}

/* The most bytes of that get's line. */
static uint32_t line_limit(const struct backend *b, const struct request *r)
{
    bool is_gat = r->command_id == COMMAND_GAT || r->command_id == COMMAND_GATS;
    return is_gat && b->settings.line_max > GAT_LINE ? GAT_LINE : b->settings.line_max;
}

static bool has_room(const struct backend *b, const struct call *call, const struct request *r)
{
    uint32_t keys = b->settings.keys_per_get;
    return call->line_len + r->key_len + 1 <= line_limit(b, r) &&
           (keys == 0 || call->keys_n < keys);
}

/* All that decides the fate of a call made for the same reply is the same (invariant I11). */
static bool shares_fate(const struct call *call, const struct request *r,
                        const struct backend_call *how)
{
    return call->owner == how->owner && call->done == how->done &&
           call->deadline == how->deadline && call->exptime == r->exptime;
}

/* A key of the same get as the call made just before goes into that call's line. */
static bool join(struct conn *conn, const struct request *r, const struct backend_call *how)
{
    struct call *call = conn->tail;
    if (!r->multi || !conn->line_open || !shares_fate(call, r, how)) return false;
    if (!has_room(conn->backend, call, r)) return false;
    struct outq *out = call->wire ? call->wire : &conn->out;
    uint8_t *to = outq_reserve(out, (size_t)r->key_len + 1);
    to[0] = ' ';
    memcpy(to + 1, (const void *)r->key_at, r->key_len);
    outq_commit(out, (size_t)r->key_len + 1);
    if (call->wire) conn->held_bytes += (size_t)r->key_len + 1;
    call->line_len += r->key_len + 1;
    call_add_key(call, r);
    return true;
}

static void write_value(struct outq *out, const struct request *r)
{
    const uint8_t *value = (const uint8_t *)r->value_at;
    if (r->value_len) outq_append_blob(out, (struct blob *)r->value_blob, value, r->value_len);
    outq_append(out, "\r\n", 2);
}

/* A short request that is held back takes no more memory than it must: many may wait. */
static void write_held(struct conn *conn, struct call *call, const struct request *r)
{
    uint8_t *line = arena_alloc(conn->backend->set->arena, request_line_room(r) + SHORT_VALUE);
    size_t len = request_encode_line(r, line);
    unsigned shape = command_info(r->command_id)->shape;
    bool has_value = shape == SHAPE_STORE || shape == SHAPE_META_STORE;
    bool is_short = has_value && r->value_len + 2 <= SHORT_VALUE;
    call->line_len = (uint32_t)len;
    conn->line_open = shape == SHAPE_RETRIEVE;
    if (is_short) {
        if (r->value_len) memcpy(line + len, (const void *)r->value_at, r->value_len);
        memcpy(line + len + r->value_len, "\r\n", 2);
        len += r->value_len + 2;
    }
    struct outq *out = held_wire(call);
    outq_append_alone(out, line, len);
    if (has_value && !is_short) write_value(out, r);
}

/* Into the stream, or into the call where it is held back. */
static void write_request(struct conn *conn, struct call *call, const struct request *r)
{
    struct outq *out = &conn->out;
    if (conn_holds(conn)) {
        write_held(conn, call, r);
        return;
    }
    if (conn->line_open) outq_append(out, "\r\n", 2);
    size_t len = request_encode_line(r, outq_reserve(out, request_line_room(r)));
    outq_commit(out, len);
    unsigned shape = command_info(r->command_id)->shape;
    conn->line_open = shape == SHAPE_RETRIEVE;
    if (shape == SHAPE_STORE || shape == SHAPE_META_STORE) write_value(out, r);
    call->line_len = (uint32_t)len;
}

/* The server on this connection was not asked whether it knows meta commands, and may be now. */
static bool may_ask_again(const struct conn *conn)
{
    return conn->is_unasked && conn->depth == 0 && !conn->unsent &&
           conn_now(conn) >= conn->backend->shuns_noop_until;
}

static unsigned traits_of(const struct backend *b, const struct request *r)
{
    return dialect_traits(r) | (r->value_len >= b->large_value ? DIALECT_LARGE : 0);
}

/* The connection that may take r, NULL when the server does not know such a command. A connection that is not ready yet takes all:
 * it looks again when it is. */
static struct conn *conn_for(struct backend *b, struct conn *usual, const struct request *r)
{
    struct conn *apart = apart_of(b, r->affinity);
    if (apart) return apart;
    if (usual->state != CONN_READY || usual->held) return usual;
    switch (dialect_fit(&usual->dialect, r->command_id, traits_of(b, r))) {
    case DIALECT_TAKES: return usual;
    case DIALECT_APART: return apart_get(b, r->affinity);
    default: break;
    }
    if (!may_ask_again(usual)) return NULL;
    conn_begin_anew(usual);
    return usual;
}

static enum backend_status answer_unknown(const struct backend_call *how)
{
    struct call_news news = call_news_unknown();
    if (how->owner) how->done(how->owner, &news);
    return BACKEND_ANSWERED;
}

enum backend_status backend_send(struct backend *b, const struct request *r,
                                 const struct backend_call *how, const char **reason)
{
    /* A client's calls keep to one connection, also while that one is down: so they are in its order. */
    struct conn *usual = b->conns[r->affinity % b->settings.connections];
    if (conn_refuses(usual)) return refuse(b, usual->reason, reason);
    struct conn *conn = conn_for(b, usual, r);
    if (!conn) return answer_unknown(how);
    if (conn_refuses(conn)) return refuse(b, conn->reason, reason);
    if (join(conn, r, how)) {
        written_joined(b->set, r, how->deadline);
        return BACKEND_JOINED;
    }
    if (conn->depth >= b->settings.depth) return refuse(b, "too many calls wait", reason);
    if (conn->out.bytes + conn->held_bytes > UNSENT_MAX)
        return refuse(b, "too many bytes wait", reason);
    struct call *call = call_create(r, how->deadline, how->done, how->owner);
    written_begin(b->set, r, call);
    write_request(conn, call, r);
    if (conn->is_apart) {
        apart_push(b, call);
    } else {
        conn_push(conn, call);
        conn_mark_unsent(conn);
    }
    b->set->row->calls++;
    b->stats->requests++;
    return BACKEND_OK;
}
