#include "backend/ejection.h"

#include <assert.h>
#include <stdlib.h>

/* The rules of twemproxy 0.5.0 (src/nc_server.c: server_failure, server_ok, server_pool_update, and ketama_update), measured beside it by
 * tests/e2e/servers/eject_test.c:
 *
 * - An error is a connection that ends, whatever ended it: refused, reset, closed by the server (idle or not), a call that passed its
 *   timeout, a host name that is not resolved. All requests that were in flight on it are one error.
 * - An answer ends the row of errors, an answer with an error too.
 * - At failure_limit errors in a row the server is left out of the ring, and its count begins from zero. When its time is over it is
 *   back without a probe, and costs so many errors again.
 * - The last server may leave, too: then every request is refused.
 * - It connects when a request needs that, and so knows of an error only by a request. Here connections are made before: an attempt that
 *   no call waits for is no error (closing.c), and a call that finds no connection has one tried at once (retry_for_call).
 *
 * What a server's answers do to its counts is one store for each answer (fifo_answer): its faults up to then are forgiven.
 */

struct ejection *ejection_create(struct backend *b, const void *pool, double retry)
{
    struct ejection *e = malloc(sizeof *e);
    if (!e) abort();
    *e = (struct ejection){
        .next = b->ejections, .backend = b, .pool = pool, .retry = retry, .from = b->faults};
    for (const struct ejection *old = b->ejections; old; old = old->next) {
        if (old->pool != pool) continue;
        e->from = old->from;
        e->until = old->until;
    }
    b->ejections = e;
    return e;
}

void ejection_destroy(struct ejection *e)
{
    struct ejection **at = &e->backend->ejections;
    while (*at != e) at = &(*at)->next;
    *at = e->next;
    free(e);
}

/* Errors in a row that count for e. */
static uint64_t count(const struct ejection *e)
{
    const struct backend *b = e->backend;
    uint64_t from = e->from > b->forgiven ? e->from : b->forgiven;
    assert(from <= b->faults);
    return b->faults - from;
}

void ejection_fault(struct backend *b)
{
    b->faults++;
    for (struct ejection *e = b->ejections; e; e = e->next) {
        if (count(e) < b->settings.failure_limit) continue;
        e->from = b->faults;
        e->until = b->set->now + e->retry;
        b->set->changes++;
        b->stats->ejections++;
    }
}
