#include "backend/conn.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "backend/closing.h"
#include "backend/connect.h"
#include "backend/fifo.h"
#include "backend/held.h"
#include "backend/idle.h"
#include "backend/intake.h"
#include "base/slab.h"

enum { READ_AT_MOST = 64 * 1024 };

/* Seconds: an alarm that is so late says that moongate itself stood still. */
static const double LAG = 0.02;

/* --- state ------------------------------------------------------------------------------------- */

static bool is_asking(const struct conn *c)
{
    return c->state == CONN_PROBING || c->state == CONN_LEARNING;
}

bool conn_sane(const struct conn *c)
{
    bool open = c->state == CONN_CONNECTING || is_asking(c) || c->state == CONN_READY;
    return open == (c->fd >= 0) && (c->head == NULL) == (c->depth == 0) &&
           (c->held == NULL) == (c->held_n == 0) && c->held_n <= c->unwritten &&
           c->unwritten <= c->depth;
}

/* The server has something to answer. */
static bool awaits(const struct conn *c)
{
    return c->head != c->held;
}

void conn_set_state(struct conn *c, enum conn_state state)
{
    if (!c->is_apart) c->backend->stats->ready += (state == CONN_READY) - (c->state == CONN_READY);
    c->state = state;
    c->since = conn_now(c);
}

void conn_watch(struct conn *c)
{
    struct ev_loop *loop = c->backend->set->loop;
    int events = 0;
    if (c->state == CONN_CONNECTING) events = EV_WRITE;
    if (is_asking(c)) events = EV_READ;
    if (c->state == CONN_READY) events = EV_READ | (outq_is_empty(&c->out) ? 0 : EV_WRITE);
    if (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) == events) return;
    ev_io_stop(loop, &c->io);
    if (events == 0) return;
    ev_io_set(&c->io, c->fd, events);
    ev_io_start(loop, &c->io);
}

double conn_next_alarm(const struct conn *c)
{
    const struct backend_settings *s = &c->backend->settings;
    double at = INFINITY;
    switch (c->state) {
    case CONN_RESOLVING: at = c->failed ? INFINITY : c->since + s->connect_timeout; break;
    case CONN_CONNECTING:
    case CONN_PROBING:
    case CONN_LEARNING: at = c->since + s->connect_timeout; break;
    case CONN_READY: at = awaits(c) ? c->progress + s->stall_timeout : idle_time(c); break;
    default: return INFINITY;
    }
    return fmin(at, fifo_deadline(c));
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

/* --- reading ----------------------------------------------------------------------------------- */

static void take_input(struct conn *c, const struct inbuf_input *input)
{
    c->progress = conn_now(c);
    if (is_asking(c)) {
        connect_take_probe(c, input->rest);
        return;
    }
    bool is_refusal = false;
    const char *anomaly = intake_take(c, input, &is_refusal);
    if (anomaly && is_refusal)
        conn_refused(c, anomaly);
    else if (anomaly)
        conn_anomaly(c, anomaly);
}

static void conn_readable(struct conn *c)
{
    struct arena *arena = c->backend->set->arena;
    size_t mark = arena_mark(arena);
    struct inbuf_input input;
    enum io_status status = inbuf_read(&c->in, c->fd, arena, READ_AT_MOST, &input);
    if (status == IO_OK) take_input(c, &input);
    if (status == IO_END) conn_closed(c);
    if (status == IO_ERROR) conn_broken(c, errno);
    arena_rewind(arena, mark);
}

/* --- alarms ------------------------------------------------------------------------------------ */

/* The server is taken for down: its connections are of no use, whatever still waits on them. */
static void close_all(struct conn *late)
{
    struct backend *b = late->backend;
    char reason[64];
    snprintf(reason, sizeof reason, "timeout (%u calls in a row)", b->late);
    for (uint32_t i = 0; i < b->settings.connections; i++) {
        if (b->conns[i]->fd >= 0) conn_close(b->conns[i], reason);
    }
    if (late->is_apart && late->fd >= 0) conn_close(late, reason);
    b->late = 0; /* what ends the next connections is something else */
}

/* While moongate stood still, answers came that are not read yet: they get a moment, once, before anything is given up. */
static bool is_put_off(struct conn *c)
{
    c->put_off = !c->put_off && conn_now(c) - c->alarm > LAG;
    if (c->put_off) conn_set_alarm(c, conn_now(c) + LAG);
    return c->put_off;
}

static const char *unready_reason(const struct conn *c)
{
    if (c->state == CONN_PROBING) return "no answer to version";
    return c->state == CONN_LEARNING ? "no answer to mn" : "connect timeout";
}

static void conn_alarm(struct conn *c)
{
    double now = conn_now(c);
    if (c->state == CONN_WAITING) {
        /* While the server is down its first connection probes it; the others wait for what that one says. */
        if (!c->backend->down || c == c->backend->conns[0]) connect_begin(c);
        return;
    }
    if (is_put_off(c)) return;
    fifo_expire(c);
    if (c->state == CONN_RESOLVING) {
        if (!c->failed && now - c->since >= c->backend->settings.connect_timeout)
            conn_unlocated(c);
        else
            conn_set_alarm(c, conn_next_alarm(c));
        return;
    }
    if (backend_is_late(c->backend)) {
        close_all(c);
        return;
    }
    if (c->state != CONN_READY && now - c->since >= c->backend->settings.connect_timeout) {
        conn_close(c, unready_reason(c));
        return;
    }
    if (c->state == CONN_READY && awaits(c) &&
        now - c->progress >= c->backend->settings.stall_timeout) {
        conn_close(c, "stalled");
        return;
    }
    if (idle_act(c)) return;
    conn_set_alarm(c, conn_next_alarm(c));
}

/* --- from the loop ----------------------------------------------------------------------------- */

static void conn_writable(struct conn *c)
{
    if (c->state == CONN_READY)
        conn_flush(c);
    else
        connect_go_on(c);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct conn *c = io->data;
    (void)loop;
    assert(conn_sane(c));
    if (events & EV_WRITE) {
        conn_writable(c);
        if (c->state != CONN_READY) return;
    }
    if (events & EV_READ) conn_readable(c);
}

static void on_alarm(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    conn_alarm(timer->data);
}

/* --- for the backend --------------------------------------------------------------------------- */

struct conn *conn_create(struct backend *b)
{
    struct conn *c = slab_borrow(sizeof *c);
    *c = (struct conn){.backend = b, .fd = -1, .state = CONN_IDLE};
    ev_init(&c->io, on_io);
    ev_init(&c->timer, on_alarm);
    ev_set_priority(&c->timer, -1); /* what a turn brings is read before anything is late in it */
    c->io.data = c->timer.data = c;
    return c;
}

void conn_destroy(struct conn *c)
{
    slab_return(c, sizeof *c);
}

bool conn_refuses(const struct conn *c)
{
    return c->state == CONN_WAITING || (c->failed && c->state != CONN_READY);
}

void conn_push(struct conn *c, struct call *call)
{
    if (!awaits(c)) c->progress = conn_now(c);
    fifo_push(c, call);
    /* Alarms are lazy: one that is set already is looked at again when it goes off. */
    double at = ev_is_active(&c->timer) ? c->alarm : INFINITY;
    double stall = c->progress + c->backend->settings.stall_timeout;
    double wanted = call->owner && call->deadline < stall ? call->deadline : stall;
    if (wanted < at) conn_set_alarm(c, wanted);
}

void conn_mark_unsent(struct conn *c)
{
    struct backends *set = c->backend->set;
    if (c->unsent) return;
    c->unsent = true;
    c->next_unsent = set->unsent;
    set->unsent = c;
}

void conn_forget_unsent(struct conn *c)
{
    struct conn **p = &c->backend->set->unsent;
    while (*p && *p != c) p = &(*p)->next_unsent;
    if (*p) *p = c->next_unsent;
    c->unsent = false;
}

/* No more keys go into the last get. One that is held back has its end when it goes. */
static void close_line(struct conn *c)
{
    if (c->line_open && !c->held) outq_append(&c->out, "\r\n", 2);
    c->line_open = false;
}

void conn_flush(struct conn *c)
{
    close_line(c);
    if (c->state != CONN_READY) return;
    held_release(c);
    if (c->state != CONN_READY) return;
    close_line(c);
    c->unwritten = c->held_n;
    if (outq_write(&c->out, c->fd) == IO_ERROR)
        conn_broken(c, errno);
    else
        conn_watch(c);
}
