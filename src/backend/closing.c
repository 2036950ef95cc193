#include "backend/closing.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/connect.h"
#include "backend/fifo.h"
#include "backend/held.h"
#include "backend/locate.h"

enum { NOOPS_LOST = 3 }; /* connections in a row that end on `mn`: the server does not like it */

/* Who ended it. */
enum ended_by {
    BY_TIME,    /* moongate: something did not happen in time */
    BY_SERVER,  /* the server, or the way there */
    BY_ANOMALY, /* moongate: bytes that should not have come */
    BY_REFUSAL  /* moongate: a client's value may have been left in the stream */
};

/* Doubled with each trouble, within a quarter of it by chance, so that many workers do not knock at once. */
static double back_off(const struct conn *c)
{
    const struct backend_settings *s = &c->backend->settings;
    double delay = ldexp(s->probe_min, (int)(c->troubles < 32 ? c->troubles : 32) - 1);
    if (delay > s->probe_max) delay = s->probe_max;
    return delay * (0.75 + 0.5 * drand48());
}

/* The descriptor, what was read from it and what was to be written to it. */
static void hang_up(struct conn *c)
{
    struct ev_loop *loop = c->backend->set->loop;
    ev_io_stop(loop, &c->io);
    ev_timer_stop(loop, &c->timer);
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    inbuf_release(&c->in);
    outq_release(&c->out);
    c->line_open = false;
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

/* --- whose fault it is ------------------------------------------------------------------------- */

static uint32_t in_flight(const struct conn *c)
{
    return c->depth - c->held_n;
}

/* A bit of a hash of its number. */
static uint64_t client_bit(uint32_t client)
{
    return (uint64_t)1 << (client * 2654435769u >> 26);
}

/* Clients with calls in flight; an anomaly may also lie behind the answer that came last. */
static uint64_t clients_of(const struct conn *c, enum ended_by by)
{
    bool has_last = by == BY_ANOMALY && c->last_client >= 0;
    uint64_t clients = has_last ? client_bit((uint32_t)c->last_client) : 0;
    for (const struct call *call = c->head; call != c->held; call = call->next)
        clients |= client_bit(call->affinity);
    return clients;
}

/* Some client is among those of each of the connections that ended lately: its requests may be why. */
static bool may_be_a_clients(struct conn *c, uint64_t clients)
{
    struct backend *b = c->backend;
    b->suspects &= clients;
    if (b->suspects) return true;
    b->suspects = ~(uint64_t)0;
    return false;
}

/* The server is to blame, not a client, nor that it had nothing to do. On a connection apart it is when it ends before anything
 * was asked. */
static bool is_fault(struct conn *c, enum ended_by by)
{
    bool is_young = conn_now(c) - c->since < c->backend->settings.probe_min;
    if (by == BY_REFUSAL) return false;
    if (c->is_apart) return is_young && in_flight(c) == 0 && c->last_client < 0;
    if (c->state != CONN_READY || by == BY_TIME) return true;
    uint64_t clients = clients_of(c, by);
    if (clients) return !may_be_a_clients(c, clients);
    return by == BY_ANOMALY || is_young;
}

/* --- closing ----------------------------------------------------------------------------------- */

static void log_end(const struct conn *c, bool idle)
{
    struct backends *set = c->backend->set;
    if (!log_allows(&set->log, set->now)) return;
    if (idle)
        log_info("backend %s: closed while idle: %s", c->backend->name, c->reason);
    else
        log_warn("backend %s: closed: %s (%u in flight)", c->backend->name, c->reason,
                 in_flight(c));
}

/* It ended, or said nothing, once `mn` was asked: the next connection asks again. When that goes on, `mn` is what the server does
 * not like: the one after it does not ask. True when there is one to try at once. */
static bool shuns_noop(struct conn *c, enum ended_by by)
{
    struct backend *b = c->backend;
    if (c->state != CONN_LEARNING || by == BY_ANOMALY) {
        b->noops_lost = 0;
        return false;
    }
    if (++b->noops_lost < NOOPS_LOST) return true;
    b->noops_lost = 0;
    b->shuns_noop_until = conn_now(c) + b->settings.probe_max;
    if (log_allows(&b->set->log, b->set->now))
        log_info("backend %s: no meta commands: it ends connections that ask mn", b->name);
    return true;
}

/* Goes on without the connection: apart ones are made anew when they are needed. */
static void go_on(struct conn *c, bool at_once, struct call *saved)
{
    conn_set_state(c, c->is_apart && !at_once ? CONN_IDLE : CONN_WAITING);
    fifo_fail(c, c->reason);
    held_restore(c, saved);
    if (c->backend->leaves) return;
    if (at_once)
        connect_begin(c);
    else if (!c->is_apart)
        conn_set_alarm(c, conn_now(c) + back_off(c));
    if (!c->is_apart) backend_note_health(c->backend);
}

/* A server that closed a good connection may well take the next one: try at once, for its own fault only once. */
static bool begins_at_once(const struct conn *c, bool was_ready, bool late, bool fault)
{
    if (!was_ready || late || c->backend->leaves) return false;
    if (c->is_apart) return c->depth > 0 && !fault;
    return !fault || c->troubles <= 1;
}

static enum backend_fall cause_of(bool was_ready, bool late)
{
    if (late) return FALL_TIMEOUT;
    return was_ready ? FALL_CLOSED : FALL_CONNECT;
}

static void end(struct conn *c, enum ended_by by, const char *reason)
{
    struct backends *set = c->backend->set;
    bool was_ready = c->state == CONN_READY, late = backend_is_late(c->backend);
    bool settled = was_ready && conn_now(c) - c->since >= c->backend->settings.probe_settle;
    assert(conn_sane(c) && c->fd >= 0);
    if (settled && !c->is_apart) c->backend->suspects = ~(uint64_t)0;
    bool fault = is_fault(c, by);
    bool idle = was_ready && by == BY_SERVER && !fault && in_flight(c) == 0;
    bool again = shuns_noop(c, by);
    hang_up(c);
    snprintf(c->reason, sizeof c->reason, "%s", reason);
    set->row->backend_closes++;
    c->backend->stats->closes++;
    if (again || has_next_addr(c)) {
        log_debug("backend %s: closed: %s: tried again", c->backend->name, c->reason);
        connect_begin(c);
        return;
    }
    log_end(c, idle);
    if (settled) c->troubles = 0;
    c->troubles += fault && (!settled || late);
    c->failed = (!was_ready || late) && !c->is_apart;
    if (!c->is_apart) c->backend->cause = cause_of(was_ready, late);
    bool at_once = begins_at_once(c, was_ready, late, fault);
    go_on(c, at_once, at_once ? held_save(c) : NULL);
}

void conn_close(struct conn *c, const char *reason)
{
    end(c, BY_TIME, reason);
}

void conn_closed(struct conn *c)
{
    end(c, BY_SERVER, "closed by the server");
}

void conn_broken(struct conn *c, int error)
{
    end(c, BY_SERVER, strerror(error));
}

static void end_out_of_step(struct conn *c, enum ended_by by, const char *what)
{
    c->backend->set->row->desyncs++;
    c->backend->stats->desyncs++;
    end(c, by, what);
}

void conn_anomaly(struct conn *c, const char *what)
{
    end_out_of_step(c, BY_ANOMALY, what);
}

void conn_refused(struct conn *c, const char *what)
{
    end_out_of_step(c, BY_REFUSAL, what);
}

void conn_release(struct conn *c, const char *reason)
{
    if (c->state == CONN_IDLE) return;
    hang_up(c);
    c->failed = false;
    conn_set_state(c, CONN_IDLE);
    fifo_fail(c, reason);
}

void conn_give_up(struct conn *c, enum conn_state state)
{
    c->failed = !c->is_apart;
    conn_set_state(c, c->is_apart ? CONN_IDLE : state);
    conn_set_alarm(c, INFINITY);
    fifo_fail(c, c->reason);
    if (c->is_apart) return;
    conn_set_alarm(c, state == CONN_WAITING ? conn_now(c) + back_off(c) : INFINITY);
    c->backend->cause = FALL_CONNECT;
    backend_note_health(c->backend);
}

void conn_begin_anew(struct conn *c)
{
    assert(in_flight(c) == 0 || c->state != CONN_READY);
    hang_up(c);
    connect_begin(c);
}
