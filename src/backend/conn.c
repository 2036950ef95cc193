#include "backend/conn.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/fifo.h"
#include "backend/intake.h"
#include "backend/locate.h"
#include "base/slab.h"

enum { READ_AT_MOST = 64 * 1024 };

/* Seconds: an alarm that is so late says that moongate itself stood still. */
static const double LAG = 0.02;

static const char PROBE[] = "version\r\n";

/* --- state ------------------------------------------------------------------------------------- */

static bool conn_sane(const struct conn *c)
{
    bool open = c->state == CONN_CONNECTING || c->state == CONN_PROBING || c->state == CONN_READY;
    return open == (c->fd >= 0) && (c->head == NULL) == (c->depth == 0) && c->unwritten <= c->depth;
}

static double now_of(const struct conn *c)
{
    return c->backend->set->now;
}

static void conn_set_state(struct conn *c, enum conn_state state)
{
    c->backend->stats->ready += (state == CONN_READY) - (c->state == CONN_READY);
    c->state = state;
    c->since = now_of(c);
}

/* Interest, derived: called after each change of state and after each write. */
static void conn_watch(struct conn *c)
{
    struct ev_loop *loop = c->backend->set->loop;
    int events = 0;
    if (c->state == CONN_CONNECTING) events = EV_WRITE;
    if (c->state == CONN_PROBING) events = EV_READ;
    if (c->state == CONN_READY) events = EV_READ | (outq_is_empty(&c->out) ? 0 : EV_WRITE);
    if (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) == events) return;
    ev_io_stop(loop, &c->io);
    if (events == 0) return;
    ev_io_set(&c->io, c->fd, events);
    ev_io_start(loop, &c->io);
}

/* Doubled with each trouble, within a quarter of it by chance, so that many workers do not knock at once. */
static double back_off(const struct conn *c)
{
    const struct backend_settings *s = &c->backend->settings;
    double delay = ldexp(s->probe_min, (int)(c->troubles < 32 ? c->troubles : 32) - 1);
    if (delay > s->probe_max) delay = s->probe_max;
    return delay * (0.75 + 0.5 * drand48());
}

/* When something must be done though nothing happens; INFINITY: never. */
static double next_alarm(const struct conn *c)
{
    const struct backend_settings *s = &c->backend->settings;
    double at = INFINITY;
    switch (c->state) {
    case CONN_RESOLVING: at = c->failed ? INFINITY : c->since + s->connect_timeout; break;
    case CONN_CONNECTING:
    case CONN_PROBING: at = c->since + s->connect_timeout; break;
    case CONN_READY: at = c->head ? c->progress + s->stall_timeout : INFINITY; break;
    default: return INFINITY;
    }
    return fmin(at, fifo_deadline(c));
}

static void set_alarm(struct conn *c, double at)
{
    struct ev_loop *loop = c->backend->set->loop;
    ev_timer_stop(loop, &c->timer);
    c->alarm = at;
    if (isinf(at)) return;
    double after = at - now_of(c);
    ev_timer_set(&c->timer, after > 0 ? after : 0, 0);
    ev_timer_start(loop, &c->timer);
}

/* --- connecting -------------------------------------------------------------------------------- */

/* So many calls in a row passed their deadline that the server is taken for down. */
static bool is_late(const struct backend *b)
{
    return b->late >= b->settings.failure_limit;
}

static void conn_connect(struct conn *c);

/* The descriptor and what was read from it. */
static void hang_up(struct conn *c)
{
    struct ev_loop *loop = c->backend->set->loop;
    ev_io_stop(loop, &c->io);
    ev_timer_stop(loop, &c->timer);
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    inbuf_release(&c->in);
}

/* True when an address did not do that is not the last one: calls wait on while the next is tried. */
static bool has_next_addr(struct conn *c)
{
    if (c->state == CONN_READY || c->backend->addrs_n == 0) return false;
    c->peer = *backend_next_addr(c->backend, &c->peer);
    if (++c->tried < c->backend->addrs_n) return true;
    c->tried = 0;
    return false;
}

/* The one way to close; what happens next depends on what there was before. */
static void conn_close(struct conn *c, const char *reason)
{
    struct backends *set = c->backend->set;
    bool was_ready = c->state == CONN_READY, late = is_late(c->backend);
    bool settled = was_ready && now_of(c) - c->since >= c->backend->settings.probe_settle;
    uint32_t in_flight = c->depth;
    assert(conn_sane(c) && c->fd >= 0);
    hang_up(c);
    snprintf(c->reason, sizeof c->reason, "%s", reason);
    set->row->backend_closes++;
    c->backend->stats->closes++;
    if (has_next_addr(c)) {
        log_debug("backend %s: closed: %s: the next address is tried", c->backend->name, c->reason);
        conn_connect(c);
        return;
    }
    if (settled) c->troubles = 0;
    c->troubles += !settled || late;
    c->failed = !was_ready || late;
    if (log_allows(&set->log, set->now))
        log_warn("backend %s: closed: %s (%u in flight)", c->backend->name, c->reason, in_flight);
    conn_set_state(c, CONN_WAITING);
    outq_release(&c->out);
    c->line_open = false;
    fifo_fail(c, c->reason);
    /* A server that closed a good connection may well take the next one: try at once, but only once. */
    if (c->backend->leaves) return;
    if (was_ready && !late && c->troubles <= 1)
        conn_connect(c);
    else
        set_alarm(c, set->now + back_off(c));
    backend_note_health(c->backend);
}

static void conn_close_errno(struct conn *c, int error)
{
    conn_close(c, strerror(error));
}

static void conn_anomaly(struct conn *c, const char *what)
{
    c->backend->set->row->desyncs++;
    c->backend->stats->desyncs++;
    conn_close(c, what);
}

/* A socket for the server's address, or -1 with errno. */
static int open_socket(const struct addr *addr)
{
    int fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || addr_is_unix(addr)) return fd;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0)
        return fd;
    close(fd);
    return -1;
}

static void conn_connected(struct conn *c)
{
    if (write(c->fd, PROBE, sizeof PROBE - 1) != sizeof PROBE - 1) {
        conn_close(c, "the first write failed");
        return;
    }
    double since = c->since;
    conn_set_state(c, CONN_PROBING);
    c->since = since; /* one limit for connecting and probing */
    conn_watch(c);
}

/* There is nothing to connect to: no socket, or no address. */
static void conn_give_up(struct conn *c, enum conn_state state)
{
    c->failed = true;
    conn_set_state(c, state);
    outq_release(&c->out);
    c->line_open = false;
    fifo_fail(c, c->reason);
    set_alarm(c, state == CONN_WAITING ? now_of(c) + back_off(c) : INFINITY);
    backend_note_health(c->backend);
}

/* The resolver goes on asking: no attempt of ours would bring an address sooner. */
static void conn_resolve(struct conn *c)
{
    if (c->state != CONN_RESOLVING) conn_set_state(c, CONN_RESOLVING);
    set_alarm(c, next_alarm(c));
}

/* Begins to connect: 0 (it is), or errno. */
static int dial(struct conn *c)
{
    const struct backends *set = c->backend->set;
    if (set->dial) return set->dial(set->dials_for, c->backend, &c->fd);
    c->fd = open_socket(&c->peer);
    return c->fd >= 0 && connect(c->fd, &c->peer.sa.any, c->peer.len) == 0 ? 0 : errno;
}

static void conn_connect(struct conn *c)
{
    const struct addr *addr = backend_addr(c->backend, &c->peer);
    if (!addr) {
        conn_resolve(c);
        return;
    }
    c->peer = *addr;
    int error = dial(c);
    if (c->fd < 0) {
        snprintf(c->reason, sizeof c->reason, "no socket: %s", strerror(error));
        c->troubles++;
        conn_give_up(c, CONN_WAITING);
        return;
    }
    conn_set_state(c, CONN_CONNECTING);
    set_alarm(c, next_alarm(c));
    if (error == 0)
        conn_connected(c);
    else if (error == EINPROGRESS)
        conn_watch(c);
    else
        conn_close_errno(c, error);
}

static void conn_writable(struct conn *c)
{
    if (c->state == CONN_READY) {
        conn_flush(c);
        return;
    }
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) error = errno;
    if (error)
        conn_close_errno(c, error);
    else
        conn_connected(c);
}

/* --- reading ----------------------------------------------------------------------------------- */

/* How much of a response may be shown: its line up to the first control byte, as the reason goes to clients. */
static int shown_len(const struct response *r)
{
    size_t n = 0;
    while (n < r->len && r->bytes[n] >= ' ' && r->bytes[n] != 0x7f) n++;
    return (int)n;
}

static void conn_ready(struct conn *c)
{
    c->failed = false;
    c->tried = 0;
    c->backend->late = 0;
    conn_set_state(c, CONN_READY);
    backend_note_health(c->backend);
    c->progress = c->since;
    c->backend->set->row->backend_connects++;
    c->backend->stats->connects++;
    log_debug("backend %s: ready (%u calls waited)", c->backend->name, c->depth);
    set_alarm(c, next_alarm(c));
    conn_mark_unsent(c);
}

/* Calls that wait are not sent yet: behind the answer to `version` nothing may come. */
static void take_probe(struct conn *c, struct span span)
{
    char text[BACKEND_REASON_MAX];
    struct response r = {0};
    enum response_status status = response_parse(span.at, span.len, INTAKE_VALUE_MAX, &r);
    if (status == RESPONSE_INVALID || (status == RESPONSE_AGAIN && r.need > 0)) {
        conn_anomaly(c, "desync: bytes that are no response");
    } else if (status == RESPONSE_AGAIN) {
        inbuf_keep(&c->in, c->backend->set->arena, span.at, span.len, 0);
    } else if (r.kind != RESPONSE_VERSION) {
        snprintf(text, sizeof text, "answers version with: %.*s", shown_len(&r),
                 (const char *)r.bytes);
        conn_close(c, text);
    } else if (r.len < span.len) {
        conn_anomaly(c, "desync: bytes that nobody asked for");
    } else {
        inbuf_keep(&c->in, c->backend->set->arena, span.at + span.len, 0, 0);
        conn_ready(c);
    }
}

static void take_input(struct conn *c, const struct inbuf_input *input)
{
    c->progress = now_of(c);
    if (c->state == CONN_PROBING) {
        take_probe(c, input->rest);
        return;
    }
    const char *anomaly = intake_take(c, input);
    if (anomaly) conn_anomaly(c, anomaly);
}

static void conn_readable(struct conn *c)
{
    struct arena *arena = c->backend->set->arena;
    size_t mark = arena_mark(arena);
    struct inbuf_input input;
    enum io_status status = inbuf_read(&c->in, c->fd, arena, READ_AT_MOST, &input);
    if (status == IO_OK) take_input(c, &input);
    if (status == IO_END) conn_close(c, "closed by the server");
    if (status == IO_ERROR) conn_close_errno(c, errno);
    arena_rewind(arena, mark);
}

/* --- alarms ------------------------------------------------------------------------------------ */

/* The server is taken for down: its connections are of no use, whatever still waits on them. */
static void close_all(struct backend *b)
{
    char reason[64];
    snprintf(reason, sizeof reason, "timeout (%u calls in a row)", b->late);
    for (uint32_t i = 0; i < b->settings.connections; i++) {
        if (b->conns[i]->fd >= 0) conn_close(b->conns[i], reason);
    }
    b->late = 0; /* what ends the next connections is something else */
}

/* While moongate stood still, answers came that are not read yet: they get a moment, once, before anything is given up. */
static bool is_put_off(struct conn *c)
{
    c->put_off = !c->put_off && now_of(c) - c->alarm > LAG;
    if (c->put_off) set_alarm(c, now_of(c) + LAG);
    return c->put_off;
}

static void conn_alarm(struct conn *c)
{
    double now = now_of(c);
    if (c->state == CONN_WAITING) {
        /* While the server is down its first connection probes it; the others wait for what that one says. */
        if (!c->backend->down || c == c->backend->conns[0]) conn_connect(c);
        return;
    }
    if (is_put_off(c)) return;
    fifo_expire(c);
    if (c->state == CONN_RESOLVING) {
        if (!c->failed && now - c->since >= c->backend->settings.connect_timeout)
            conn_unlocated(c);
        else
            set_alarm(c, next_alarm(c));
        return;
    }
    if (is_late(c->backend)) {
        close_all(c->backend);
        return;
    }
    if (c->state != CONN_READY && now - c->since >= c->backend->settings.connect_timeout) {
        conn_close(c, c->state == CONN_PROBING ? "no answer to version" : "connect timeout");
        return;
    }
    if (c->state == CONN_READY && c->head &&
        now - c->progress >= c->backend->settings.stall_timeout) {
        conn_close(c, "stalled");
        return;
    }
    set_alarm(c, next_alarm(c));
}

/* --- from the loop ----------------------------------------------------------------------------- */

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

void conn_start(struct conn *c)
{
    if (c->state == CONN_IDLE) conn_connect(c);
}

void conn_wake(struct conn *c)
{
    if (c->state == CONN_WAITING) set_alarm(c, now_of(c));
}

void conn_relocate(struct conn *c)
{
    bool is_known = memcmp(backend_addr(c->backend, &c->peer), &c->peer, sizeof c->peer) == 0;
    assert(conn_sane(c) && c->state != CONN_READY);
    if (c->state == CONN_WAITING) {
        c->tried = 0;
        conn_wake(c);
    } else if (c->state == CONN_RESOLVING || !is_known) {
        hang_up(c);
        c->tried = 0;
        conn_connect(c);
    }
}

void conn_unlocated(struct conn *c)
{
    if (c->state != CONN_RESOLVING) return;
    snprintf(c->reason, sizeof c->reason, "%s", c->backend->unresolved);
    conn_give_up(c, CONN_RESOLVING);
}

void conn_release(struct conn *c, const char *reason)
{
    if (c->state == CONN_IDLE) return;
    hang_up(c);
    c->failed = false;
    conn_set_state(c, CONN_IDLE);
    outq_release(&c->out);
    c->line_open = false;
    fifo_fail(c, reason);
}

bool conn_refuses(const struct conn *c)
{
    return c->state == CONN_WAITING || (c->failed && c->state != CONN_READY);
}

void conn_push(struct conn *c, struct call *call)
{
    if (!c->head) c->progress = now_of(c);
    fifo_push(c, call);
    /* Alarms are lazy: one that is set already is looked at again when it goes off. */
    double at = ev_is_active(&c->timer) ? c->alarm : INFINITY;
    double stall = c->progress + c->backend->settings.stall_timeout;
    double wanted = call->owner && call->deadline < stall ? call->deadline : stall;
    if (wanted < at) set_alarm(c, wanted);
}

void conn_mark_unsent(struct conn *c)
{
    struct backends *set = c->backend->set;
    if (c->unsent) return;
    c->unsent = true;
    c->next_unsent = set->unsent;
    set->unsent = c;
}

void conn_flush(struct conn *c)
{
    if (c->line_open) {
        outq_append(&c->out, "\r\n", 2);
        c->line_open = false;
    }
    if (c->state != CONN_READY) return;
    c->unwritten = 0;
    if (outq_write(&c->out, c->fd) == IO_ERROR)
        conn_close_errno(c, errno);
    else
        conn_watch(c);
}
