#include "backend/conn.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "backend/secure.h"
#include "backend/sharers.h"

/* The alarm of a connection is one timer for everything that may be late: connecting, the answer to a probe, the first deadline,
 * a stall, an idle connection. conn_next_alarm derives the time from the state; events does what is due. It is set lazily: a call
 * that is answered in time leaves it alone, so that a request costs no timer; when it goes off for nothing it is set again.
 *
 * What must be decided for the server goes up as news. Each end that a connection notices is one of the five functions at the end
 * of this file; nothing is closed there.
 */

/* Seconds that a connection apart stays for the next request that needs one. */
static const double APART_STAYS = 1;

/* --- state ------------------------------------------------------------------------------------- */

static bool is_asking(const struct conn *c)
{
    return c->state == CONN_LOGGING_IN || c->state == CONN_PROBING || c->state == CONN_LEARNING;
}

/* True: a connection in that state has a descriptor. */
static bool is_open(enum conn_state state)
{
    return state != CONN_IDLE && state != CONN_RESOLVING && state != CONN_QUEUED &&
           state != CONN_WAITING;
}

bool conn_sane(const struct conn *c)
{
    bool counted = (c->head == NULL) == (c->depth == 0) && (c->tail == NULL) == (c->depth == 0) &&
                   (c->held == NULL) == (c->held_n == 0) && c->held_n <= c->unwritten &&
                   c->unwritten <= c->depth;
    return is_open(c->state) == (c->stream.fd >= 0) && counted && (c->held || c->held_bytes == 0) &&
           (!c->line_open || c->tail) && (c->streamed ? c->head != NULL : !c->is_paused);
}

/* ready is the statistics' number of connections in READY. Connections apart are not counted in it. */
void conn_set_state(struct conn *c, enum conn_state state)
{
    assert((c->stream.fd >= 0) == is_open(state)); /* the descriptor changes first */
    if (!c->is_apart) c->backend->stats->ready += (state == CONN_READY) - (c->state == CONN_READY);
    c->state = state;
    c->since = conn_now(c);
}

/* A first attempt makes calls wait, as it ends soon one way or the other. After one that failed, calls fail at once until a later
 * attempt succeeds, so that a server that is down costs its clients no time. */
bool conn_refuses(const struct conn *c)
{
    return c->state == CONN_WAITING || (c->failed && c->state != CONN_READY);
}

/* A TLS stream says no end (close_notify): a server needs none to know that nothing more will be asked. */
void conn_hang_up(struct conn *c)
{
    struct ev_loop *loop = c->backend->set->loop;
    assert(!c->streamed);
    ev_io_stop(loop, &c->io);
    ev_timer_stop(loop, &c->timer);
    c->was_streamed = false;
    secure_keep_session(c->backend, &c->stream);
    stream_close(&c->stream);
    share_end(c->backend->set);
    inbuf_release(&c->in);
    outq_release(&c->out);
    c->line_open = false;
}

/* --- interest ---------------------------------------------------------------------------------- */

/* TLS has records of its own to read and to write. What it holds is read without the loop. */
static int tls_events(struct conn *c, int events)
{
    unsigned waits = stream_events(&c->stream, events & EV_READ, events & EV_WRITE);
    if (events & EV_READ) conn_look_held(c);
    return (waits & STREAM_WAITS_READ ? EV_READ : 0) | (waits & STREAM_WAITS_WRITE ? EV_WRITE : 0);
}

/* Most calls change nothing: then the loop is left alone. The socket is watched for room only while something waits to be
 * written, for bytes only when some are due or would be an anomaly. */
void conn_watch(struct conn *c)
{
    struct ev_loop *loop = c->backend->set->loop;
    int events = 0;
    if (c->state == CONN_CONNECTING) events = EV_WRITE;
    if (is_asking(c)) events = EV_READ;
    if (c->state == CONN_READY)
        events = (c->is_paused ? 0 : EV_READ) | (outq_is_empty(&c->out) ? 0 : EV_WRITE);
    if (__builtin_expect(c->stream.tls != NULL, 0)) events = tls_events(c, events);
    if ((ev_is_active(&c->io) ? c->io.events & (EV_READ | EV_WRITE) : 0) == events) return;
    ev_io_stop(loop, &c->io);
    if (events == 0) return;
    ev_io_set(&c->io, c->stream.fd, events);
    ev_io_start(loop, &c->io);
}

void conn_mark_unsent(struct conn *c)
{
    struct backends *set = c->backend->set;
    if (c->unsent) return;
    c->unsent = true;
    c->next_unsent = set->unsent;
    set->unsent = c;
}

/* Rare: only when the connection is freed. */
void conn_forget_unsent(struct conn *c)
{
    struct conn **p = &c->backend->set->unsent;
    while (*p && *p != c) p = &(*p)->next_unsent;
    if (*p) *p = c->next_unsent;
    c->unsent = false;
}

void conn_look_held(struct conn *c)
{
    struct backends *set = c->backend->set;
    if (c->is_listed || c->is_paused || !stream_holds(&c->stream)) return;
    c->is_listed = true;
    c->next_holding = set->holding;
    set->holding = c;
    if (ev_is_active(&set->again)) return;
    ev_timer_set(&set->again, 0, 0);
    ev_timer_start(set->loop, &set->again);
}

void conn_forget_holding(struct conn *c)
{
    struct conn **p = &c->backend->set->holding;
    while (*p && *p != c) p = &(*p)->next_holding;
    if (*p) *p = c->next_holding;
    c->is_listed = false;
}

/* --- the alarm --------------------------------------------------------------------------------- */

/* A server is probed with `version`, so only one that answers it as memcached does. */
double conn_idle_end(const struct conn *c)
{
    double after = c->backend->settings.idle_probe;
    if (c->head) return INFINITY;
    if (c->is_apart) return c->progress + APART_STAYS;
    return after > 0 && c->speaks_version ? c->progress + after : INFINITY;
}

/* The first deadline of a call that still has an owner; INFINITY when there is none. */
static double first_deadline(const struct conn *c)
{
    double at = INFINITY;
    for (const struct call *call = conn_first_awaited(c); call; call = call->next) {
        if (call->owner && call->deadline < at) at = call->deadline;
        if (call->sharers) at = fmin(at, sharers_first_deadline(call->sharers));
    }
    return at;
}

/* The first deadline counts in every state in which calls wait. */
double conn_next_alarm(const struct conn *c)
{
    const struct backend_settings *s = &c->backend->settings;
    double at = INFINITY;
    switch (c->state) {
    case CONN_RESOLVING: at = c->failed ? INFINITY : c->since + s->connect_timeout; break;
    case CONN_QUEUED: at = c->since + CONN_PACE; break;
    case CONN_CONNECTING:
    case CONN_SECURING:
    case CONN_LOGGING_IN:
    case CONN_PROBING:
    case CONN_LEARNING: at = c->since + s->connect_timeout; break;
    case CONN_READY:
        at = conn_awaits(c) && !c->is_paused ? conn_stall_end(c) : conn_idle_end(c);
        break;
    default: return INFINITY;
    }
    return fmin(at, first_deadline(c));
}

void conn_set_alarm(struct conn *c, double at)
{
    struct ev_loop *loop = c->backend->set->loop;
    ev_timer_stop(loop, &c->timer);
    c->alarm = at;
    if (isinf(at)) return;
    double after = at - conn_now(c);
    ev_timer_set(&c->timer, after > 0 ? after : 0, 0);
    ev_timer_start(loop, &c->timer);
}

void conn_wake(struct conn *c)
{
    if (c->state == CONN_WAITING) conn_set_alarm(c, conn_now(c));
}

/* --- writing ----------------------------------------------------------------------------------- */

/* The line of a held call has no end in c->out: it is not there yet. */
void conn_end_line(struct conn *c)
{
    bool is_in_stream = c->line_open && !c->held;
    assert(!is_in_stream || c->state == CONN_READY); /* I10 */
    if (is_in_stream) outq_append(&c->out, "\r\n", 2);
    c->line_open = false;
}

/* From here on bytes may answer any call that is not held back, though the socket may take only a part of them now: a server may
 * answer the first request before it has the second. */
void conn_flush(struct conn *c)
{
    assert(c->state == CONN_READY);
    conn_end_line(c);
    share_end(c->backend->set);
    c->unwritten = c->held_n;
    size_t before = c->out.bytes;
    enum io_status status = outq_write(&c->out, &c->stream);
    c->backend->stats->bytes_written += before - c->out.bytes;
    if (status == IO_ERROR)
        conn_broken(c, errno);
    else
        conn_watch(c);
}

/* --- news -------------------------------------------------------------------------------------- */

void conn_report(struct conn *c, enum conn_event event)
{
    c->backend->on_conn(c, &(struct conn_news){.event = event});
}

static void lose(struct conn *c, enum conn_loss loss, const char *reason)
{
    assert(conn_sane(c) && c->stream.fd >= 0);
    c->backend->on_conn(c, &(struct conn_news){.event = NEWS_LOST, .loss = loss, .reason = reason});
}

void conn_close(struct conn *c, const char *reason)
{
    lose(c, LOST_TO_TIME, reason);
}

void conn_closed(struct conn *c)
{
    lose(c, LOST_TO_PEER, "closed by the server");
}

void conn_broken(struct conn *c, int error)
{
    char text[BACKEND_REASON_MAX]; /* the stream has it no longer than it is open */
    lose(c, LOST_TO_PEER, secure_explain(&c->stream, error, text));
}

static void lose_step(struct conn *c, enum conn_loss loss, const char *what)
{
    c->backend->set->row->desyncs++;
    c->backend->stats->desyncs++;
    lose(c, loss, what);
}

void conn_anomaly(struct conn *c, const char *what)
{
    lose_step(c, LOST_TO_ANOMALY, what);
}

void conn_refused(struct conn *c, const char *what)
{
    lose_step(c, LOST_TO_REFUSAL, what);
}
