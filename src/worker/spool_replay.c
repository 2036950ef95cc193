/* What waits for a server goes to it when it answers again.
 *
 * A worker whose connection to a gated server serves asks the spooler for the lease of its deletes (TAKE). One worker gets it. The
 * spooler gives deletes a packet at a time, in their order; all of a packet are sent at once, on one connection, past the gate, and
 * when all are answered DONE brings the next one. At the end the spooler says STATE 0 to all workers, and their gates open.
 *
 * A delete is done when the server says that the key is gone, or was not there. One that is refused in the words that were kept (md
 * flags that this server does not know) is sent without them, which takes away more. If that is refused as well no server will ever
 * take it: it is left out, with a line in the log. After any other failure the lease is given back (LEAVE), and what was not answered
 * stays on the disk. The next attempt comes when a connection serves again, or after a while, whichever is first.
 *
 * What must never happen: DONE for a delete that the server has not answered; DONE under a lease that has ended (replay_end takes the
 * batch from its server). */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/conn.h"
#include "protocol/classic.h"
#include "worker/spool_link.h"
#include "worker/worker_state.h"

static const double PATIENCE = 2;                 /* seconds for the answers to a packet */
static const double PAUSE = 0.05, PAUSE_MOST = 1; /* seconds between attempts: doubled each time */

/* One delete. */
struct replay_call {
    struct replay_batch *batch;
    uint64_t place;
    uint32_t at, len; /* of its line, in the batch's bytes */
    bool is_done;
    bool is_plain; /* sent as a plain delete */
};

/* Invariant: out calls have a replay_call of this batch as their owner. */
struct replay_batch {
    struct spooled *server; /* NULL: the lease has ended */
    struct worker *worker;
    struct board_server *stats; /* NULL: nothing was sent */
    uint32_t out;
    uint32_t n;
    bool has_failed;
    bool is_entered; /* calls are being sent: it must not end yet */
    uint8_t *bytes;
    struct replay_call calls[];
};

/* --- attempts ---------------------------------------------------------------------------------- */

static int32_t ready_conn(const struct backend *b)
{
    for (uint32_t i = 0; i < b->settings.connections; i++)
        if (b->conns[i]->state == CONN_READY) return (int32_t)i;
    return -1;
}

/* A server of that name that answers here; *conn: by which of its connections. */
static struct backend *find(const struct spooled *s, uint32_t *conn)
{
    for (struct backend *b = s->link->worker->backends.first; b; b = b->next) {
        int32_t at = b->counts > 0 && strcmp(b->name, s->name) == 0 ? ready_conn(b) : -1;
        if (at < 0) continue;
        *conn = (uint32_t)at;
        return b;
    }
    return NULL;
}

void replay_try(struct spooled *s)
{
    uint32_t conn;
    const struct worker *w = s->link->worker;
    ev_timer_stop(w->loop, &s->again);
    if (s->link->state != LINK_READY || !s->waits || s->lease != LEASE_NONE) return;
    if (w->drain.is_on || !find(s, &conn)) return;
    s->lease = LEASE_ASKED;
    link_say(s->link, SPOOL_TAKE, 0, s->name);
}

void replay_later(struct spooled *s)
{
    double pause = ldexp(PAUSE, (int)(s->troubles < 10 ? s->troubles : 10));
    if (s->lease != LEASE_NONE || ev_is_active(&s->again)) return;
    if (pause > PAUSE_MOST) pause = PAUSE_MOST;
    ev_timer_set(&s->again, pause * (0.5 + drand48()), 0);
    ev_timer_start(s->link->worker->loop, &s->again);
}

/* A server that ends each connection would have one attempt follow the other at once. */
void replay_gated(void *about, const struct backend *b)
{
    const struct worker *w = about;
    for (struct spool_link *link = w->keeping.links; link; link = link->next)
        for (struct spooled *s = link->servers, *next; s; s = next) {
            next = s->next;
            if (strcmp(s->name, b->name) != 0) continue;
            if (w->turn.now - s->failed > PAUSE_MOST)
                replay_try(s);
            else
                replay_later(s);
        }
}

/* --- a packet of deletes ----------------------------------------------------------------------- */

static void batch_free(struct replay_batch *batch)
{
    free(batch->bytes);
    free(batch);
}

/* The last of those before which all are done; 0: the first one is not. */
static uint64_t done_up_to(const struct replay_batch *batch)
{
    uint32_t i = 0;
    while (i < batch->n && batch->calls[i].is_done) i++;
    return i > 0 ? batch->calls[i - 1].place : 0;
}

static void count_done(const struct replay_batch *batch)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < batch->n; i++) n += batch->calls[i].is_done;
    if (batch->stats) batch->stats->replayed += n;
}

/* What was answered is done in any case. */
static void end(struct replay_batch *batch)
{
    struct spooled *s = batch->server;
    struct spool_link *link = s->link;
    uint64_t place = done_up_to(batch);
    bool has_failed = batch->has_failed;
    count_done(batch);
    s->batch = NULL;
    batch_free(batch);
    s->troubles = has_failed ? s->troubles + 1 : 0;
    if (has_failed) s->failed = link->worker->turn.now;
    if (place) link_say(link, SPOOL_DONE, place, s->name);
    if (!has_failed || link->state != LINK_READY) return;
    link_say(link, SPOOL_LEAVE, 0, s->name);
    if (link->state != LINK_READY) return;
    s->lease = LEASE_NONE;
    replay_later(s);
}

static void look(struct replay_batch *batch)
{
    if (batch->out > 0 || batch->is_entered) return;
    if (batch->server)
        end(batch);
    else
        batch_free(batch);
}

static void send_call(struct replay_call *call, struct backend *b, uint32_t conn);

/* In plain words, or not at all. */
static void note_refusal(struct replay_call *call, const struct response *r)
{
    struct spooled *s = call->batch->server;
    uint32_t conn;
    struct backend *b = s && !call->is_plain ? find(s, &conn) : NULL;
    if (b) {
        call->is_plain = true;
        send_call(call, b, conn);
        return;
    }
    if (!call->is_plain) {
        call->batch->has_failed = true;
        return;
    }
    call->is_done = true;
    if (log_allows(&s->link->lines, s->link->worker->turn.now))
        log_warn("backend %s: a spooled delete is left out: the server says %.*s", s->name,
                 (int)(r->len > 2 ? r->len - 2 : 0), (const char *)r->bytes);
}

/* A call_done_fn. owner: struct replay_call. */
static void on_news(void *owner, const struct call_news *news)
{
    struct replay_call *call = owner;
    struct replay_batch *batch = call->batch;
    bool was_entered = batch->is_entered;
    if (news->event != CALL_ANSWERED && news->event != CALL_FAILED) return;
    batch->out--;
    batch->is_entered = true;
    const struct response *r = news->event == CALL_ANSWERED ? news->response : NULL;
    if (!r || (r->kind & RESPONSE_SERVER_ERROR && !classic_is_lacking(r)))
        batch->has_failed = true;
    else if (!(r->kind & RESPONSE_ANY_ERROR))
        call->is_done = true;
    else if (batch->server)
        note_refusal(call, r);
    batch->is_entered = was_entered;
    look(batch);
}

/* The line, as it was kept, is a request again. False: it is none. */
static bool parse(const struct replay_call *call, struct request *r, uint8_t *key)
{
    const struct request_rules rules = {.max_value = 0};
    struct request_parse p = request_parse(call->batch->bytes + call->at, call->len, &rules, r);
    if (p.status != REQUEST_OK || p.consumed != call->len) return false;
    if (r->command_id != COMMAND_DELETE && r->command_id != COMMAND_META_DELETE) return false;
    return !(r->meta & META_BASE64) || request_decode_key(r, key);
}

/* Without its flags, so that it takes away more. A key that came in base64 stays so: its bytes may be such that a delete's line would be
 * other commands. */
static void make_plain(struct request *r)
{
    r->meta &= META_BASE64;
    r->command_id = r->meta ? COMMAND_META_DELETE : COMMAND_DELETE;
    r->args_at = (uintptr_t) "b";
    r->args_len = r->meta ? 1 : 0;
}

/* All by one connection: so they are carried out in their order. */
static void send_call(struct replay_call *call, struct backend *b, uint32_t conn)
{
    struct replay_batch *batch = call->batch;
    struct request r;
    uint8_t key[KEY_MAX];
    const char *reason;
    struct backend_call how = {.deadline = batch->worker->turn.now + PATIENCE,
                               .pool = BACKEND_NO_POOL,
                               .done = on_news,
                               .owner = call};
    if (!parse(call, &r, key)) {
        log_error("backend %s: a spooled delete is left out: no such request: %.*s", b->name,
                  (int)(call->len < 80 ? call->len : 80), batch->bytes + call->at);
        call->is_done = true;
        return;
    }
    if (call->is_plain) make_plain(&r);
    r.noreply = 0;
    r.affinity = conn;
    batch->out++;
    if (backend_send(b, &r, &how, &reason) != BACKEND_REFUSED) return;
    batch->out--;
    batch->has_failed = true;
}

static struct replay_batch *batch_create(struct spooled *s, struct spool_said *said)
{
    struct spool_item item;
    struct replay_batch *batch =
        calloc(1, sizeof *batch + said->head.items * sizeof batch->calls[0]);
    uint32_t used = 0;
    if (!batch) abort();
    batch->server = s;
    batch->worker = s->link->worker;
    batch->bytes = malloc(said->items_len + 1);
    if (!batch->bytes) abort();
    while (spool_said_next(said, &item)) {
        struct replay_call *call = &batch->calls[batch->n++];
        *call = (struct replay_call){
            .batch = batch, .place = item.number, .at = used, .len = (uint32_t)item.len};
        memcpy(batch->bytes + used, item.bytes, item.len);
        used += (uint32_t)item.len;
    }
    return batch;
}

/* Without a connection that serves nothing is sent, and the lease goes back. */
void replay_take(struct spooled *s, struct spool_said *said)
{
    uint32_t conn = 0;
    struct backend *b = s->link->worker->drain.is_on ? NULL : find(s, &conn);
    if (s->batch) replay_end(s); /* which the spooler has not waited for */
    s->lease = LEASE_HELD;
    s->waits = true;
    struct replay_batch *batch = s->batch = batch_create(s, said);
    batch->is_entered = true;
    batch->has_failed = !b || batch->n == 0;
    if (b) batch->stats = b->stats;
    for (uint32_t i = 0; i < batch->n && !batch->has_failed; i++)
        send_call(&batch->calls[i], b, conn);
    batch->is_entered = false;
    look(batch);
}

void replay_end(struct spooled *s)
{
    struct replay_batch *batch = s->batch;
    s->lease = LEASE_NONE;
    s->batch = NULL;
    if (!batch) return;
    batch->server = NULL;
    look(batch);
}
