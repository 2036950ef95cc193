#include "backend/closing.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "backend/fifo.h"
#include "backend/health.h"
#include "backend/held.h"
#include "backend/retry.h"

enum { NOOPS_LOST = 3 }; /* connections in a row that end on `mn`: the server does not like it */

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
static uint64_t clients_of(const struct conn *c, enum conn_loss loss)
{
    bool has_last = loss == LOST_TO_ANOMALY && c->last_client >= 0;
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
static bool is_fault(struct conn *c, enum conn_loss loss)
{
    bool is_young = conn_now(c) - c->since < c->backend->settings.probe_min;
    if (loss == LOST_TO_REFUSAL) return false;
    if (c->is_apart) return is_young && in_flight(c) == 0 && c->last_client < 0;
    if (c->state != CONN_READY || loss == LOST_TO_TIME) return true;
    uint64_t clients = clients_of(c, loss);
    if (clients) return !may_be_a_clients(c, clients);
    return loss == LOST_TO_ANOMALY || is_young;
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
static bool shuns_noop(struct conn *c, enum conn_loss loss)
{
    struct backend *b = c->backend;
    if (c->state != CONN_LEARNING || loss == LOST_TO_ANOMALY) {
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
        retry_now(c);
    else if (!c->is_apart)
        retry_later(c);
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

void closing_end(struct conn *c, enum conn_loss loss, const char *reason)
{
    struct backends *set = c->backend->set;
    bool was_ready = c->state == CONN_READY, late = backend_is_late(c->backend);
    bool settled = was_ready && conn_now(c) - c->since >= c->backend->settings.probe_settle;
    assert(conn_sane(c) && c->fd >= 0);
    if (settled && !c->is_apart) c->backend->suspects = ~(uint64_t)0;
    bool fault = is_fault(c, loss);
    bool idle = was_ready && loss == LOST_TO_PEER && !fault && in_flight(c) == 0;
    bool again = shuns_noop(c, loss);
    conn_hang_up(c);
    snprintf(c->reason, sizeof c->reason, "%s", reason);
    set->row->backend_closes++;
    c->backend->stats->closes++;
    if (again || retry_has_next(c)) {
        log_debug("backend %s: closed: %s: tried again", c->backend->name, c->reason);
        retry_now(c);
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

void closing_end_late(struct conn *late)
{
    struct backend *b = late->backend;
    char reason[64];
    assert(backend_is_late(b));
    snprintf(reason, sizeof reason, "timeout (%u calls in a row)", b->late);
    for (uint32_t i = 0; i < b->settings.connections; i++) {
        if (b->conns[i]->fd >= 0) closing_end(b->conns[i], LOST_TO_TIME, reason);
    }
    if (late->is_apart && late->fd >= 0) closing_end(late, LOST_TO_TIME, reason);
    b->late = 0; /* what ends the next connections is something else */
}
