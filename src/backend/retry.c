#include "backend/retry.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/connect.h"
#include "backend/ejection.h"
#include "backend/fifo.h"
#include "backend/health.h"
#include "backend/locate.h"
#include "base/log.h"
#include "base/outages.h"

/* A connection tries one address at a time. The one that it tried last comes first, so that a server with several addresses keeps
 * to one; after a failure the next one is tried at once, and when each has failed the connection waits. While the server is down
 * only the first connection tries: the others wait for what that one finds (backend_note_health wakes them). Without an address a
 * connection only waits: the resolver tries on by itself, and then relocate begins.
 */

enum { BEGUN_AT_ONCE = 64 };

/* Seconds: doubled with each trouble up to probe_max, then up to a quarter more or less at random, so that many workers do not
 * come at the same moment. */
static double back_off(const struct conn *c)
{
    const struct backend_settings *s = &c->backend->settings;
    double delay = ldexp(s->probe_min, (int)(c->troubles < 32 ? c->troubles : 32) - 1);
    if (delay > s->probe_max) delay = s->probe_max;
    return delay * (0.75 + 0.5 * drand48());
}

/* The calls that waited fail. Apart, nothing is tried before the next request needs it. */
static void give_up(struct conn *c, enum conn_state state, const char *reason)
{
    snprintf(c->reason, sizeof c->reason, "%s", reason);
    c->failed = !c->is_apart;
    c->line_open = false; /* the call whose line it was fails below */
    conn_set_state(c, c->is_apart ? CONN_IDLE : state);
    conn_set_alarm(c, INFINITY);
    if (c->depth > 0 && !c->is_apart) ejection_fault(c->backend);
    fifo_fail(c, c->reason);
    if (c->is_apart) return;
    conn_set_alarm(c, state == CONN_WAITING ? conn_now(c) + back_off(c) : INFINITY);
    c->backend->cause = FALL_CONNECT;
    if (c->backend->trouble) trouble_note(c->backend->trouble, c->reason, conn_now(c));
    backend_note_health(c->backend);
}

/* A server whose option keeps it down waits for nothing. */
static void stay_down(struct conn *c)
{
    give_up(c, CONN_WAITING, "kept down by its option `down`");
    conn_set_alarm(c, INFINITY);
}

/* True: as many connections as one turn begins were begun in this one. Each takes the kernel some 20 us, and when a network comes back
 * they all come at once. */
static bool is_crowded(struct backends *set)
{
    if (set->begun_at != set->now) set->begun = 0;
    set->begun_at = set->now;
    return ++set->begun > BEGUN_AT_ONCE;
}

/* Its timer begins it, where it was not begun by then. */
static void queue(struct conn *c)
{
    if (c->state != CONN_QUEUED) conn_set_state(c, CONN_QUEUED);
    c->since = conn_now(c);
    conn_set_alarm(c, conn_next_alarm(c));
}

void retry_now(struct conn *c)
{
    assert(c->stream.fd < 0 && c->backend->set->loop);
    if (c->backend->settings.down) {
        stay_down(c);
        return;
    }
    const struct addr *addr = backend_addr(c->backend, &c->peer);
    if (!addr)
        connect_resolve(c);
    else if (is_crowded(c->backend->set))
        queue(c);
    else
        connect_begin(c, addr);
}

void retry_later(struct conn *c)
{
    assert(c->state == CONN_WAITING && c->stream.fd < 0 && !c->is_apart);
    conn_set_alarm(c, conn_now(c) + back_off(c));
}

bool retry_has_next(struct conn *c)
{
    if (c->state == CONN_READY || c->backend->addrs_n == 0) return false;
    c->peer = *backend_next_addr(c->backend, &c->peer);
    if (++c->tried < c->backend->addrs_n) return true;
    c->tried = 0;
    return false;
}

void retry_start(struct conn *c)
{
    if (c->state == CONN_IDLE) retry_now(c);
}

void retry_begin(struct conn *c)
{
    assert(c->state == CONN_IDLE && !c->is_apart);
    c->backend->stats->connections++;
    retry_now(c);
}

void retry_connect(struct conn *c)
{
    assert(c->depth == c->held_n || c->state != CONN_READY);
    conn_hang_up(c);
    retry_now(c);
}

/* An attempt that fails before this returns had no call that waited for it: so the fault is counted here. While calls of the connection
 * fail, one that an owner sends is refused: what follows the end is decided when all have failed (closing.c). */
bool retry_for_call(struct conn *c)
{
    struct backend *b = c->backend;
    assert(conn_refuses(c));
    if (b->settings.eject == EJECTS_NONE || c->fails) return false;
    if (c->state != CONN_RESOLVING) c->failed = false;
    if (c->state == CONN_WAITING) retry_now(c);
    if (!conn_refuses(c)) return true;
    ejection_fault(b);
    return false;
}

void retry_due(struct conn *c)
{
    assert(c->state == CONN_WAITING || c->state == CONN_QUEUED);
    if (!c->backend->down || c == c->backend->conns[0]) retry_now(c);
}

/* --- there is nothing to connect to ------------------------------------------------------------ */

void retry_without_socket(struct conn *c, const char *reason)
{
    log_debug("backend %s: %s", c->backend->name, reason);
    c->troubles++;
    give_up(c, CONN_WAITING, reason);
}

/* It stays RESOLVING, and refuses calls from now on (failed). */
void retry_without_address(struct conn *c)
{
    if (c->state == CONN_RESOLVING) give_up(c, CONN_RESOLVING, c->backend->unresolved);
}

/* An attempt at an address that is still the server's goes on. */
void retry_elsewhere(struct conn *c)
{
    assert(conn_sane(c) && c->state != CONN_READY);
    if (c->state == CONN_WAITING) {
        c->tried = 0;
        conn_wake(c);
    } else if (c->state == CONN_RESOLVING || !backend_has_addr(c->backend, &c->peer)) {
        c->tried = 0;
        retry_connect(c);
    }
}
