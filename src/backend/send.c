#include "backend/send.h"

#include <assert.h>
#include <string.h>

#include "backend/apart.h"
#include "backend/fifo.h"
#include "backend/framed.h"
#include "backend/gate.h"
#include "backend/held.h"
#include "backend/meter.h"
#include "backend/retry.h"
#include "backend/share.h"
#include "backend/texts.h"
#include "backend/translate.h"
#include "backend/words.h"
#include "backend/written.h"

/* A client's requests reach a server in the client's order (I1). So each client keeps to one connection, its usual one, also
 * while that is down; only a request that must travel apart leaves it, and what the client sends behind that one follows it there
 * until it has ended (apart_of). A request apart does not overtake either: it waits until the client has nothing on the usual
 * connection (apart_may_go).
 *
 * A connection that is not READY takes every request, because what its server understands is known only then. Such requests are
 * held back: each keeps its bytes in its call. Whether the server knows the command, and whether the request must travel apart,
 * is decided when it is let go (release.c), by the same dialect_fit that decides at once on a READY connection.
 *
 * I4: what arrives here is validated and whole. I5, I10: request_encode_line builds the line from what was parsed, and leaves out
 * noreply and quiet flags, so each request on a shared connection has a response, which is dropped when the call has no owner.
 * I11: keys of one client's get share a line only when owner, deadline and exptime are the same. Gets of one key of several clients
 * may share a call (see share.h) or a line, which have several owners then.
 */

enum {
    /* Servers take the line of a get at any length, but that of a gat only up to the length of other lines. */
    GAT_LINE = LINE_MAX_BYTES - 256,
    SHORT_VALUE = 1024, /* bytes of a value, with its CRLF, that is copied beside its line */
    UNSENT_MAX = 64 * 1024 * 1024, /* bytes that may wait to be written to one connection */
};

/* --- one request ------------------------------------------------------------------------------- */

/* The text stands until the next refusal: the caller copies what it needs. */
static enum backend_status refuse(const struct backend *b, const struct backend_call *how,
                                  const char *why, const char **reason)
{
    static char text[FAILURE_ROOM];
    *reason = refusal_text(b, why, text);
    b->set->row->call_failures++;
    b->stats->refused++;
    b->set->pools[how->pool]->refused++;
    return BACKEND_REFUSED;
}

static bool is_gat(const struct request *r)
{
    return r->command_id == COMMAND_GAT || r->command_id == COMMAND_GATS;
}

/* The most bytes that the line of a get may have. */
static uint32_t line_limit(const struct backend *b, const struct request *r)
{
    return is_gat(r) && b->settings.line_max > GAT_LINE ? GAT_LINE : b->settings.line_max;
}

/* True: the line takes that key too. */
static bool has_room(const struct backend *b, const struct call *call, const struct request *r)
{
    uint32_t keys = b->settings.keys_per_get;
    return call->line_len + r->key_len + 1 <= line_limit(b, r) &&
           (keys == 0 || call->keys_n < keys);
}

/* Pools of the same settings may share a server: what they send to it for one get goes in one call, which counts for the first of them.
 *
 * I11: the owner, its function, the deadline and (for a gat) the exptime are the same. */
static bool shares_fate(const struct call *call, const struct request *r,
                        const struct backend_call *how)
{
    return call->owner == how->owner && call->done == how->done &&
           call->deadline == how->deadline && call->exptime == r->exptime;
}

/* Appends the key of r to the line of the last call, which is a get. */
static void put_key(struct conn *conn, struct call *call, const struct request *r)
{
    assert(call == conn->tail && call->keys_n > 0 && call->keys_seen == 0);
    struct outq *out = call->wire ? call->wire : &conn->out;
    uint8_t *to = outq_reserve(out, (size_t)r->key_len + 1);
    to[0] = ' ';
    memcpy(to + 1, (const void *)r->key_at, r->key_len);
    outq_commit(out, (size_t)r->key_len + 1);
    if (call->wire) conn->held_bytes += (size_t)r->key_len + 1;
    call->line_len += r->key_len + 1;
    call_add_key(call, r);
}

/* True: some servers answer r with an error, and a client chooses that. An error to a line of several keys may end the connection, with
 * the calls of other clients (take_line_error in intake.c); one to a line of one key does not. */
static bool may_be_refused(const struct request *r)
{
    return is_gat(r) && request_exptime_is_odd(r);
}

/* True: r is a further key of the client's get whose call was made just before, and its key went into that call's line. */
static bool join(struct conn *conn, const struct request *r, const struct backend_call *how)
{
    struct call *call = conn->tail;
    if (!r->multi || !conn->line_open || !shares_fate(call, r, how)) return false;
    if (!has_room(conn->backend, call, r) || may_be_refused(r)) return false;
    put_key(conn, call, r);
    meter_joined(conn->backend, r, call);
    return true;
}

/* Merging makes a get cheaper for servers that answer each line with a write of its own, but then what goes wrong with one key may
 * have to be found out a second time (see alone.h). So it is done only where the pool says so. */
static bool merges(const struct conn *conn, const struct request *r)
{
    const struct backend_settings *s = &conn->backend->settings;
    return (s->merge || s->ask == ASK_MERGE) &&
           words_for(conn->backend, &conn->dialect, r) == WORDS_MERGE;
}

/* True: the key of r, a get of one key, went into the line of another client's get, which is the last call. Its place in the stream
 * is behind all that was queued before, as a call of its own would be. */
static bool merge(struct conn *conn, struct share_slot *slot, const struct request *r,
                  const struct backend_call *how)
{
    struct call *call = conn->tail;
    if (!conn->line_open || !(call->marks & CALL_SINGLE) || !merges(conn, r)) return false;
    if (call->command != r->command_id || !has_room(conn->backend, call, r)) return false;
    uint32_t at = call->used;
    put_key(conn, call, r);
    share_add(conn, call, at, r, how);
    share_note(conn, slot, call, at);
    meter_merged(conn->backend, r, how->pool);
    return true;
}

/* A long value in a blob is not copied: the queue takes a reference to the blob. */
static void write_value(struct outq *out, const struct request *r)
{
    const uint8_t *value = (const uint8_t *)r->value_at;
    if (r->value_len) outq_append_blob(out, (struct blob *)r->value_blob, value, r->value_len);
    outq_append(out, "\r\n", 2);
}

/* Bytes of a request behind its line: a value, or the end that the line of a get has not yet. */
static size_t bytes_behind(unsigned shape, const struct request *r)
{
    if (shape == SHAPE_STORE || shape == SHAPE_META_STORE) return (size_t)r->value_len + 2;
    return shape == SHAPE_RETRIEVE ? 2 : 0;
}

/* Returns how many bytes the request has in all.
 *
 * Many requests may be held back for long: a short one gets memory of its exact size, and a long value stays in the blob that
 * holds it. */
static size_t write_held(struct conn *conn, struct call *call, const struct request *r)
{
    uint8_t *line = arena_alloc(conn->backend->set->arena, request_line_room(r) + SHORT_VALUE);
    size_t len = request_encode_line(r, line);
    unsigned shape = command_info(r->command_id)->shape;
    bool has_value = shape == SHAPE_STORE || shape == SHAPE_META_STORE;
    bool is_short = has_value && r->value_len + 2 <= SHORT_VALUE;
    size_t bytes = len + bytes_behind(shape, r);
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
    return bytes;
}

/* Other words for a request: one of the two. */
struct said {
    const struct request *classic;
    const struct binary_words *frame;
};

/* r in the words of `said`. */
static size_t write_classic(struct conn *conn, struct call *call, const struct request *r,
                            const struct request *said)
{
    call_become_classic(call, r, said);
    size_t len = translate_write_line(said, &conn->out);
    call->line_len = (uint32_t)len;
    if (command_info(said->command_id)->shape != SHAPE_STORE) return len;
    write_value(&conn->out, said);
    conn_end_value(conn);
    return len + said->value_len + 2;
}

/* Into the stream of conn, in the words of `said` if that is not NULL; or into the call, where conn holds requests back. The line of a get stays open for further keys. Returns
 * how many bytes the request has in all. */
static inline __attribute__((always_inline)) size_t write_request(struct conn *conn,
                                                                  struct call *call,
                                                                  const struct request *r,
                                                                  const struct said *said)
{
    struct outq *out = &conn->out;
    if (said && said->frame) return framed_write(conn, call, r, said->frame);
    if (conn_holds(conn)) return write_held(conn, call, r);
    conn_close_line(conn);
    if (words_for(conn->backend, &conn->dialect, r) == WORDS_MG) return call_write_as_mg(call, out);
    if (said) return write_classic(conn, call, r, said->classic);
    size_t len = request_encode_line(r, outq_reserve(out, request_line_room(r)));
    outq_commit(out, len);
    unsigned shape = command_info(r->command_id)->shape;
    conn->line_open = shape == SHAPE_RETRIEVE;
    if (shape == SHAPE_STORE || shape == SHAPE_META_STORE) {
        write_value(out, r);
        conn_end_value(conn);
    }
    call->line_len = (uint32_t)len;
    return len + bytes_behind(shape, r);
}

/* The server on this connection was sent no `mn` because it had ended connections after one; by now it may be tried again. */
static bool may_ask_again(const struct conn *conn)
{
    return conn->is_unasked && conn->depth == 0 && !conn->unsent &&
           conn_now(conn) >= conn->backend->shuns_noop_until;
}

/* What is special about r for this server. */
static unsigned traits_of(const struct backend *b, const struct request *r)
{
    return dialect_traits(r) | (r->value_len >= b->large_value ? DIALECT_LARGE : 0);
}

/* The connection that takes r; NULL when the server does not know such a command. */
static inline __attribute__((always_inline)) struct conn *
conn_for(struct backend *b, struct conn *usual, const struct request *r)
{
    struct conn *apart = apart_of(b, r->affinity);
    if (apart) return apart;
    if (usual->state != CONN_READY || usual->held) {
        /* Its turn to be connected has not come yet: see on_pace in backend.c. */
        if (usual->state == CONN_IDLE && ev_is_active(&b->set->pace)) retry_begin(usual);
        return usual;
    }
    switch (dialect_fit(&usual->dialect, r->command_id, traits_of(b, r))) {
    case DIALECT_TAKES: return usual;
    case DIALECT_APART: return apart_get(b, r->affinity);
    default: break;
    }
    if (!may_ask_again(usual)) return NULL;
    retry_connect(usual);
    return usual;
}

/* The connection refuses calls, but r may try: once for all keys of a get, which are one request to twemproxy. */
static bool may_wait(struct conn *usual, const struct request *r, const struct backend_call *how)
{
    double now = conn_now(usual);
    if (r->multi && usual->tried_for == how->owner && usual->tried_at >= now) return false;
    if (retry_for_call(usual)) return true;
    usual->tried_for = how->owner;
    usual->tried_at = now;
    return false;
}

/* The request becomes a call of conn. said: see write_request. slot: see share_slot; NULL: nobody may share it. */
static inline __attribute__((always_inline)) enum backend_status
add_call(struct conn *conn, const struct request *r, const struct said *said,
         const struct backend_call *how, struct share_slot *slot, const char **reason)
{
    struct backend *b = conn->backend;
    if (conn->depth >= b->settings.depth) return refuse(b, how, "too many calls wait", reason);
    if (conn->out.bytes + conn->held_bytes > UNSENT_MAX)
        return refuse(b, how, "too many bytes wait", reason);

    struct call *call = call_create(r, how->deadline, how->done, how->owner);
    call->pool = how->pool;
    call->may_stream = how->streams;
    written_begin(b->set, r, call);
    meter_sent(b, call, write_request(conn, call, r, said));
    if (conn->is_apart) {
        apart_push(b, call);
    } else {
        fifo_add(conn, call);
        conn_mark_unsent(conn);
    }
    if (slot)
        share_note(conn, slot, call, 0);
    else
        share_pass(conn, r->affinity);
    return BACKEND_OK;
}

static enum backend_status answer_alone(const struct backend_call *how,
                                        const struct own_answer *answer)
{
    struct call_news news = {.event = CALL_ANSWERED, .response = &answer->response};
    if (how->owner) how->done(how->owner, &news);
    return BACKEND_ANSWERED;
}

/* The server of `usual` does not know the command of r, which is said in other words where that is possible. A connection that
 * holds r back decides that by itself. */
static enum backend_status send_translated(struct conn *usual, const struct request *r,
                                           const struct backend_call *how, const char **reason)
{
    struct own_answer answer;
    struct classic said;
    if (!translate_request(usual, r, &said, &answer)) return answer_alone(how, &answer);
    struct conn *conn = conn_for(usual->backend, usual, &said.request);
    assert(conn); /* one that says no gat was not sent one */
    if (conn_refuses(conn)) return refuse(usual->backend, how, conn->reason, reason);
    return add_call(conn, r, &(struct said){.classic = &said.request}, how, NULL, reason);
}

/* To a server that is spoken to in frames. Keys of one get are calls of their own. */
static enum backend_status send_framed(struct conn *conn, const struct request *r,
                                       const struct backend_call *how, const char **reason)
{
    struct own_answer answer;
    struct binary_words words;
    struct share_slot *slot = NULL;
    if (!framed_say(conn->backend, r, &words, &answer)) return answer_alone(how, &answer);
    if (conn->state == CONN_IDLE && ev_is_active(&conn->backend->set->pace)) retry_begin(conn);
    if (share_takes(conn, r, how)) {
        slot = share_slot(conn, (const void *)r->key_at, r->key_len);
        if (share_join(conn, slot, r, how)) return BACKEND_OK;
    }
    return add_call(conn, r, &(struct said){.frame = &words}, how, slot, reason);
}

enum backend_status backend_send(struct backend *b, const struct request *r,
                                 const struct backend_call *how, const char **reason)
{
    struct conn *usual = b->conns[r->affinity % b->settings.connections];
    if (conn_refuses(usual) && !may_wait(usual, r, how))
        return refuse(b, how, usual->reason, reason);
    if (__builtin_expect(b->is_unusual, 0)) {
        if (b->is_gated && !gate_lets(r->command_id)) return refuse(b, how, GATE_REASON, reason);
        if (b->is_framed) return send_framed(usual, r, how, reason);
    }
    struct conn *conn = conn_for(b, usual, r);
    if (!conn) return send_translated(usual, r, how, reason);
    if (conn_refuses(conn)) return refuse(b, how, conn->reason, reason);
    struct share_slot *slot = NULL;
    if (share_takes(conn, r, how)) {
        slot = share_slot(conn, (const void *)r->key_at, r->key_len);
        if (share_join(conn, slot, r, how) || merge(conn, slot, r, how)) return BACKEND_OK;
    } else if (join(conn, r, how)) {
        written_joined(b->set, r, how->deadline);
        return BACKEND_JOINED;
    }
    return add_call(conn, r, NULL, how, slot, reason);
}
