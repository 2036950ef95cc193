#include "backend/closing.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "backend/ejection.h"
#include "backend/fifo.h"
#include "backend/health.h"
#include "backend/held.h"
#include "backend/retry.h"
#include "backend/secure.h"
#include "backend/sharers.h"
#include "backend/streamed.h"
#include "base/outages.h"

/* An end is weighed before anything changes, because it is weighed by the state, the calls and the times that the connection has
 * then. In order: whose fault it is; hang up; try the next address if the attempt has failed and one is left; else set the state,
 * fail the calls that are lost, put back those that stay, connect again at once or later, and note the server's health.
 *
 * The state is set before the calls fail, so that an owner that sends another call finds the connection as it is. The health is
 * noted last, when it is known whether the new attempt could begin.
 */

/* When so many connections in a row have ended after `mn`, none is sent for a while. */
enum { NOOPS_LOST = 3 };

/* Seconds after the end of a connection whose server had answered `mn`. In that time it is not taken for a server that lacks meta
 * commands: what closes its connections is another fault. Another server in its place is found out later. */
static const double KNOWS_NOOP = 60;

/* Seconds for which a server that has refused a session is offered none. */
static const double SHUNS_SESSIONS = 3600;

/* --- whose fault it is ------------------------------------------------------------------------- */

static uint32_t in_flight(const struct conn *c)
{
    return c->depth - c->held_n;
}

/* One of 64 bits, by a hash of the client's number. */
static uint64_t client_bit(uint32_t client)
{
    return (uint64_t)1 << (client * 2654435769u >> 26);
}

/* The bits of the clients with calls in flight. Bytes that are an anomaly may belong to the answer before, so the client whose
 * call ended last counts too. */
static uint64_t clients_of(const struct conn *c, enum conn_loss loss)
{
    bool has_last = loss == LOST_TO_ANOMALY && c->last_client >= 0;
    uint64_t clients = has_last ? client_bit((uint32_t)c->last_client) : 0;
    for (const struct call *call = c->head; call != c->held; call = call->next) {
        clients |= client_bit(call->affinity);
        for (uint32_t i = 0; call->sharers && i < call->sharers->n; i++)
            clients |= client_bit(call->sharers->all[i].affinity);
    }
    return clients;
}

/* I9. True: some client had calls on each of the connections that ended lately, so its requests may be the reason. */
static bool may_be_a_clients(struct conn *c, uint64_t clients)
{
    struct backend *b = c->backend;
    assert(clients && b->suspects);
    b->suspects &= clients;
    if (b->suspects) return true;
    b->suspects = ~(uint64_t)0;
    return false;
}

/* True: the server is at fault, not a client, and the connection did not just end because it was idle. A connection apart shows a
 * fault of the server only when it ends young and without ever having had a call in flight. */
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

/* The log gets lines of the service about it, see base/outages.h; but for a server that has no place on the board. */
static void note_end(const struct conn *c, bool idle)
{
    const struct backend *b = c->backend;
    log_debug("backend %s: closed%s: %s (%u in flight)", b->name, idle ? " while idle" : "",
              c->reason, in_flight(c));
    if (idle && b->trouble)
        trouble_note_idle(b->trouble);
    else if (b->trouble)
        trouble_note(b->trouble, c->reason, conn_now(c));
}

static bool knows_noop(const struct backend *b)
{
    if (b->set->now < b->knows_noop_until) return true;
    for (uint32_t i = 0; i < b->settings.connections; i++)
        if (b->conns[i]->state == CONN_READY && b->conns[i]->dialect.meta) return true;
    return false;
}

/* True: the connection ended, or got no answer, after `mn`, and another one is to be tried at once. The first ones send `mn`
 * again; when NOOPS_LOST have ended so, the next one does not. */
static bool shuns_noop(struct conn *c, enum conn_loss loss)
{
    struct backend *b = c->backend;
    if (c->state != CONN_LEARNING || loss == LOST_TO_ANOMALY || knows_noop(b)) {
        b->noops_lost = 0;
        return false;
    }
    if (++b->noops_lost < NOOPS_LOST) return true;
    b->noops_lost = 0;
    b->shuns_noop_until = conn_now(c) + b->settings.probe_max;
    if (log_allows(&b->set->log, b->set->now))
        log_info("backend %s: no meta commands: it closes connections after mn", b->name);
    return true;
}

/* True: the handshake failed that offered the session of an earlier connection, and one without it is to be tried at once: some servers
 * give tickets that they do not take (memcached that asks for certificates, without ssl_session_cache). */
static bool shuns_session(struct conn *c, enum conn_loss loss, const char *reason)
{
    struct backend *b = c->backend;
    if (c->state != CONN_SECURING || !c->offers_session) return false;
    if (loss != LOST_TO_PEER) return false;
    b->shuns_sessions_until = conn_now(c) + SHUNS_SESSIONS;
    if (log_allows(&b->set->log, b->set->now))
        log_info("backend %s: no session is resumed for an hour: the handshake failed with one: %s",
                 b->name, reason);
    return true;
}

/* What follows once the descriptor is closed. `saved`: calls that stay. A connection apart is connected again only for those;
 * else when the next request needs it. */
static void go_on(struct conn *c, bool at_once, struct call *saved)
{
    assert(c->stream.fd < 0 && (at_once || !saved));
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

/* A server that closed a good connection may well accept the next one. After a fault of the server it is tried at once only
 * once. */
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

/* True: it is an error of the server for pools that eject as twemproxy does: that has no connection before a call wants one. */
static bool is_error(const struct conn *c, enum conn_loss loss, bool was_ready)
{
    bool was_wanted = c->depth > 0 || (was_ready && c->last_client >= 0);
    return !c->is_apart && loss != LOST_TO_REFUSAL && was_wanted;
}

/* A connection that was settled clears what was held against clients and server before. */
static void end(struct conn *c, enum conn_loss loss, const char *reason, bool counts)
{
    struct backends *set = c->backend->set;
    bool was_ready = c->state == CONN_READY, late = backend_is_late(c->backend);
    bool settled = was_ready && conn_now(c) - c->since >= c->backend->settings.probe_settle;
    assert(conn_sane(c) && c->stream.fd >= 0);
    if (settled && !c->is_apart) c->backend->suspects = ~(uint64_t)0;
    if (was_ready && c->dialect.meta) c->backend->knows_noop_until = conn_now(c) + KNOWS_NOOP;
    bool fault = is_fault(c, loss);
    bool idle = was_ready && loss == LOST_TO_PEER && !fault && in_flight(c) == 0;
    bool again = shuns_noop(c, loss) || shuns_session(c, loss, reason);
    if (c->streamed) streamed_drop(c);
    conn_hang_up(c);
    snprintf(c->reason, sizeof c->reason, "%s", reason);
    set->row->backend_closes++;
    c->backend->stats->closes++;
    c->backend->stats->tls_failures += c->state == CONN_SECURING && !again;
    if (again || retry_has_next(c)) {
        log_debug("backend %s: closed: %s: tried again", c->backend->name, c->reason);
        retry_now(c);
        return;
    }
    note_end(c, idle);
    if (settled) c->troubles = 0;
    c->troubles += fault && (!settled || late);
    c->failed = (!was_ready || late) && !c->is_apart;
    if (!c->is_apart) c->backend->cause = cause_of(was_ready, late);
    if (counts && is_error(c, loss, was_ready)) ejection_fault(c->backend);
    bool at_once = begins_at_once(c, was_ready, late, fault);
    bool saves = at_once && c->backend->settings.eject == EJECTS_NONE;
    go_on(c, at_once, saves ? held_save(c) : NULL);
}

void closing_end(struct conn *c, enum conn_loss loss, const char *reason)
{
    end(c, loss, reason, true);
}

/* Their end is one error, as the calls were late together. */
void closing_end_late(struct conn *late)
{
    struct backend *b = late->backend;
    char reason[64];
    assert(backend_is_late(b));
    snprintf(reason, sizeof reason, "timeout (%u calls in a row)", b->late);
    ejection_fault(b);
    for (uint32_t i = 0; i < b->settings.connections; i++) {
        if (b->conns[i]->stream.fd >= 0) end(b->conns[i], LOST_TO_TIME, reason, false);
    }
    if (late->is_apart && late->stream.fd >= 0) end(late, LOST_TO_TIME, reason, false);
    b->late = 0; /* counted: connections that end later end for another reason */
}
