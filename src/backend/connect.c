#include "backend/connect.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/conn.h"
#include "backend/fifo.h"
#include "backend/intake.h"
#include "backend/locate.h"

static const char PROBE[] = "version\r\n";

/* --- closing ----------------------------------------------------------------------------------- */

/* Doubled with each trouble, within a quarter of it by chance, so that many workers do not knock at once. */
static double back_off(const struct conn *c)
{
    const struct backend_settings *s = &c->backend->settings;
    double delay = ldexp(s->probe_min, (int)(c->troubles < 32 ? c->troubles : 32) - 1);
    if (delay > s->probe_max) delay = s->probe_max;
    return delay * (0.75 + 0.5 * drand48());
}

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

/* What waits for it is told. */
static void fail_calls(struct conn *c, const char *reason)
{
    outq_release(&c->out);
    c->line_open = false;
    fifo_fail(c, reason);
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

void conn_close(struct conn *c, const char *reason)
{
    struct backends *set = c->backend->set;
    bool was_ready = c->state == CONN_READY, late = backend_is_late(c->backend);
    bool settled = was_ready && conn_now(c) - c->since >= c->backend->settings.probe_settle;
    uint32_t in_flight = c->depth;
    assert(conn_sane(c) && c->fd >= 0);
    hang_up(c);
    snprintf(c->reason, sizeof c->reason, "%s", reason);
    set->row->backend_closes++;
    c->backend->stats->closes++;
    if (has_next_addr(c)) {
        log_debug("backend %s: closed: %s: the next address is tried", c->backend->name, c->reason);
        connect_begin(c);
        return;
    }
    if (settled) c->troubles = 0;
    c->troubles += !settled || late;
    c->failed = !was_ready || late;
    if (log_allows(&set->log, set->now))
        log_warn("backend %s: closed: %s (%u in flight)", c->backend->name, c->reason, in_flight);
    conn_set_state(c, CONN_WAITING);
    fail_calls(c, c->reason);
    /* A server that closed a good connection may well take the next one: try at once, but only once. */
    if (c->backend->leaves) return;
    if (was_ready && !late && c->troubles <= 1)
        connect_begin(c);
    else
        conn_set_alarm(c, set->now + back_off(c));
    backend_note_health(c->backend);
}

void conn_close_errno(struct conn *c, int error)
{
    conn_close(c, strerror(error));
}

void conn_anomaly(struct conn *c, const char *what)
{
    c->backend->set->row->desyncs++;
    c->backend->stats->desyncs++;
    conn_close(c, what);
}

void conn_release(struct conn *c, const char *reason)
{
    if (c->state == CONN_IDLE) return;
    hang_up(c);
    c->failed = false;
    conn_set_state(c, CONN_IDLE);
    fail_calls(c, reason);
}

/* --- the way there ----------------------------------------------------------------------------- */

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

static void connected(struct conn *c)
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
static void give_up(struct conn *c, enum conn_state state)
{
    c->failed = true;
    conn_set_state(c, state);
    fail_calls(c, c->reason);
    conn_set_alarm(c, state == CONN_WAITING ? conn_now(c) + back_off(c) : INFINITY);
    backend_note_health(c->backend);
}

/* The resolver goes on asking: no attempt of ours would bring an address sooner. */
static void resolve(struct conn *c)
{
    if (c->state != CONN_RESOLVING) conn_set_state(c, CONN_RESOLVING);
    conn_set_alarm(c, conn_next_alarm(c));
}

/* Begins to connect: 0 (it is), or errno. */
static int dial(struct conn *c)
{
    const struct backends *set = c->backend->set;
    if (set->dial) return set->dial(set->dials_for, c->backend, &c->fd);
    c->fd = open_socket(&c->peer);
    return c->fd >= 0 && connect(c->fd, &c->peer.sa.any, c->peer.len) == 0 ? 0 : errno;
}

void connect_begin(struct conn *c)
{
    const struct addr *addr = backend_addr(c->backend, &c->peer);
    if (!addr) {
        resolve(c);
        return;
    }
    c->peer = *addr;
    int error = dial(c);
    if (c->fd < 0) {
        snprintf(c->reason, sizeof c->reason, "no socket: %s", strerror(error));
        c->troubles++;
        give_up(c, CONN_WAITING);
        return;
    }
    conn_set_state(c, CONN_CONNECTING);
    conn_set_alarm(c, conn_next_alarm(c));
    if (error == 0)
        connected(c);
    else if (error == EINPROGRESS)
        conn_watch(c);
    else
        conn_close_errno(c, error);
}

void connect_go_on(struct conn *c)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) error = errno;
    if (error)
        conn_close_errno(c, error);
    else
        connected(c);
}

/* --- `version`, and its answer ------------------------------------------------------------------ */

/* How much of a response may be shown: its line up to the first control byte, as the reason goes to clients. */
static int shown_len(const struct response *r)
{
    size_t n = 0;
    while (n < r->len && r->bytes[n] >= ' ' && r->bytes[n] != 0x7f) n++;
    return (int)n;
}

static void become_ready(struct conn *c)
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
    conn_set_alarm(c, conn_next_alarm(c));
    conn_mark_unsent(c);
}

void connect_take_probe(struct conn *c, struct span span)
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
        become_ready(c);
    }
}

/* --- what the backend knows of it -------------------------------------------------------------- */

void conn_start(struct conn *c)
{
    if (c->state == CONN_IDLE) connect_begin(c);
}

void conn_wake(struct conn *c)
{
    if (c->state == CONN_WAITING) conn_set_alarm(c, conn_now(c));
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
        connect_begin(c);
    }
}

void conn_unlocated(struct conn *c)
{
    if (c->state != CONN_RESOLVING) return;
    snprintf(c->reason, sizeof c->reason, "%s", c->backend->unresolved);
    give_up(c, CONN_RESOLVING);
}
