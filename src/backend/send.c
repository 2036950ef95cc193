#include "backend/send.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "backend/apart.h"
#include "backend/fifo.h"
#include "backend/held.h"
#include "backend/retry.h"
#include "backend/written.h"

enum {
    /* Servers cut a gat short where they take a get of any length, so it is held to the length of other lines. */
    GAT_LINE = LINE_MAX_BYTES - 256,
    SHORT_VALUE = 1024, /* bytes of a value, with its CRLF, that is copied beside its line */
    UNSENT_MAX = 64 * 1024 * 1024, /* bytes that may wait to be written to one connection */
};

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
    retry_anew(usual);
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
        fifo_add(conn, call);
        conn_mark_unsent(conn);
    }
    b->set->row->calls++;
    b->stats->requests++;
    return BACKEND_OK;
}

/* --- requests that were held back -------------------------------------------------------------- */

/* A call that is in no FIFO and was not sent. */
static void drop(struct conn *c, struct call *call)
{
    struct call_news news = {.event = CALL_ANSWERED}; /* what it would have written it has not */
    written_end(c->backend->set, call, &news);
    call_destroy(call);
    apart_poke(c->backend);
}

static void answer_held(struct conn *c, struct call *call)
{
    struct call_news news = call_news_unknown();
    call_tell(call, &news);
    drop(c, call);
}

static enum dialect_fit fit(const struct conn *c, const struct call *call)
{
    bool is_large = call->value_len >= c->backend->large_value;
    return dialect_fit(&c->dialect, call->command, call->traits | (is_large ? DIALECT_LARGE : 0));
}

/* How it may be sent; behind a call of its client that is apart it goes the same way. What is sent once more was before that. */
static enum dialect_fit fit_of(const struct conn *c, const struct call *call)
{
    enum dialect_fit alone = fit(c, call);
    bool is_behind = alone == DIALECT_TAKES && !(call->marks & CALL_SENT_AGAIN) &&
                     apart_of(c->backend, call->affinity);
    return is_behind ? DIALECT_APART : alone;
}

/* A call that is in no FIFO: into the one where it belongs. */
static void place(struct conn *c, struct call *call)
{
    if (call->marks & CALL_EXPIRED) {
        drop(c, call);
        return;
    }
    switch (fit_of(c, call)) {
    case DIALECT_LACKS: answer_held(c, call); break;
    case DIALECT_APART: apart_push(c->backend, call); break;
    case DIALECT_TAKES:
        held_write(c, call);
        fifo_push(c, call);
        break;
    }
}

static void release_all(struct conn *c)
{
    struct call *call = fifo_detach(c);
    while (call) {
        struct call *next = call->next;
        place(c, call);
        call = next;
    }
}

/* Of a connection that takes one at a time: the first, when nothing is in flight and nothing is before it elsewhere. */
static bool may_go(const struct conn *c)
{
    return c->held && c->held == c->head && (!c->is_apart || apart_may_go(c->backend, c->held));
}

/* Who hears that the server lacks a command may send another one, and that may begin the connection anew. */
static void release_one(struct conn *c)
{
    while (c->state == CONN_READY && may_go(c)) {
        struct call *call = c->head;
        bool lacks = fit(c, call) == DIALECT_LACKS;
        if (!lacks && !(call->marks & CALL_EXPIRED)) {
            fifo_unhold(c);
            held_write(c, call);
            return;
        }
        fifo_take_first(c);
        if (lacks)
            answer_held(c, call);
        else
            drop(c, call);
    }
}

/* Lets those go that may be written now. READY, before c writes. */
static void release(struct conn *c)
{
    assert(c->state == CONN_READY && c->held);
    if (c->is_apart || c->backend->settings.requests == REQUESTS_ONE)
        release_one(c);
    else
        release_all(c);
    if (c->state != CONN_READY) return;
    if (conn_awaits(c)) c->progress = conn_now(c);
    conn_set_alarm(c, conn_next_alarm(c));
}

void send_flush(struct conn *c)
{
    conn_end_line(c);
    if (c->held && c->state == CONN_READY) release(c);
    if (c->state == CONN_READY) conn_flush(c);
}
