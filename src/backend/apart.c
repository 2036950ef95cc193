#include "backend/apart.h"

#include <assert.h>
#include <string.h>

#include "backend/events.h"
#include "backend/fifo.h"
#include "backend/locate.h"
#include "backend/retry.h"
#include "backend/sharers.h"

/* Why not simply one connection for each such request: every meta store to a server of an untested version travels apart, and a
 * connection for each would cost more than the request. So the connections stay for a moment (conn_idle_end), several clients
 * share one, and each takes one call at a time: when a refusal closes it, no other call is lost with it.
 *
 * What waits here may wait for a call elsewhere (apart_may_go). So each call that ends on any connection of the backend, while
 * something waits, puts the connections apart on the list of unsent ones, and the end of the turn looks again.
 */

/* The connection of a client's other requests. */
static struct conn *usual(const struct backend *b, uint32_t affinity)
{
    return b->conns[affinity % b->settings.connections];
}

struct conn *apart_find(struct conn *c, uint32_t affinity)
{
    for (const struct call *call = c->head; call; call = call->next) {
        if (call->affinity == affinity) return c;
        if (call->sharers && sharers_have(call->sharers, affinity)) return c;
    }
    return NULL;
}

/* READY or not, it was made for an address that the server has left. */
static bool has_moved(const struct conn *c)
{
    const struct addr *addr = backend_addr(c->backend, &c->peer);
    return !addr || memcmp(addr, &c->peer, sizeof *addr) != 0;
}

static void leave_old_address(struct conn *c)
{
    if (c->state != CONN_IDLE && c->depth == 0 && has_moved(c)) conn_release(c, "moved");
}

struct conn *apart_get(struct backend *b, uint32_t affinity)
{
    struct conn **place = &b->apart[affinity % BACKEND_APART];
    if (!*place) {
        *place = conn_create(b);
        (*place)->is_apart = true;
    }
    leave_old_address(*place);
    assert((*place)->is_apart && (*place)->backend == b);
    return *place;
}

void apart_push(struct backend *b, struct call *call)
{
    struct conn *c = apart_get(b, call->affinity);
    assert(call->wire); /* I10: nothing apart is in the stream before apart_may_go */
    fifo_add(c, call);
    retry_start(c);
    conn_mark_unsent(c);
}

bool apart_may_go(const struct backend *b, const struct call *call)
{
    return !apart_find(usual(b, call->affinity), call->affinity);
}

void apart_look(struct backend *b)
{
    assert(b->apart_held > 0);
    for (int i = 0; i < BACKEND_APART; i++) {
        if (b->apart[i] && b->apart[i]->held) conn_mark_unsent(b->apart[i]);
    }
}

/* One with calls goes on at the old address; apart_get closes it when they have ended. */
void apart_relocate(struct backend *b)
{
    for (int i = 0; i < BACKEND_APART; i++) {
        if (b->apart[i]) leave_old_address(b->apart[i]);
    }
}

uint64_t apart_depth(const struct backend *b)
{
    uint64_t depth = 0;
    for (int i = 0; i < BACKEND_APART; i++) depth += b->apart[i] ? b->apart[i]->depth : 0;
    return depth;
}

void apart_release(struct backend *b, const char *reason)
{
    for (int i = 0; i < BACKEND_APART; i++) {
        if (b->apart[i]) conn_release(b->apart[i], reason);
    }
}

void apart_destroy(struct backend *b, const char *reason)
{
    apart_release(b, reason);
    for (int i = 0; i < BACKEND_APART; i++) {
        if (!b->apart[i]) continue;
        conn_forget_unsent(b->apart[i]);
        conn_forget_holding(b->apart[i]);
        conn_destroy(b->apart[i]);
        b->apart[i] = NULL;
    }
}
