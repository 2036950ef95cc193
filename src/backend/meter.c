#include "backend/meter.h"

#include <assert.h>

#include "backend/sharers.h"

/* Every call that a pool sends is counted twice, for its server and for its pool, so that one server of two pools can be told
 * apart from its pools. Calls of no pool (probes, flush_all and statistics for clients) count for their server alone: their
 * pool is set->no_pool, which is not on the board, so that nothing here has to ask whether there is one.
 *
 * A get that shares another one's call counts for its pool like any other, with its own time; for the server it was not sent. */

void meter_init(struct backends *set)
{
    for (uint32_t i = 0; i < BOARD_POOLS; i++) set->pools[i] = &set->part->tables.pools[i];
    set->pools[BACKEND_NO_POOL] = &set->no_pool;
}

uint8_t meter_pool_place(struct backends *set, const char *name)
{
    size_t place = (size_t)(board_pool(&set->part->tables, name) - set->part->tables.pools);
    assert(place < BOARD_POOLS);
    return (uint8_t)place;
}

/* Those whose key was answered have no function any more. */
static void lose_sharers(const struct backends *set, const struct call *call)
{
    if (call->done) meter_pool(set, call)->failed++;
    for (uint32_t i = 0; i < call->sharers->n; i++)
        set->pools[call->sharers->all[i].pool]->failed += call->sharers->all[i].done != NULL;
}

void meter_lost(const struct conn *c)
{
    c->backend->set->row->call_failures += c->depth;
    c->backend->stats->failed += c->depth;
    for (const struct call *call = c->head; call; call = call->next) {
        if (call->sharers)
            lose_sharers(c->backend->set, call);
        else
            meter_pool(c->backend->set, call)->failed++;
    }
}

void meter_late(const struct conn *c, struct call *call, uint8_t pool)
{
    struct backends *set = c->backend->set;
    set->pools[pool]->timeouts++;
    if (call->marks & CALL_LATE) return;
    call->marks |= CALL_LATE;
    set->row->call_timeouts++;
    c->backend->stats->timeouts++;
}

/* --- calls with several owners ----------------------------------------------------------------- */

/* One get, for its pool. */
static void got(struct backends *set, uint8_t place, double sent, unsigned command,
                enum response_kind kind)
{
    struct board_pool *pool = set->pools[place];
    enum command_outcome outcome = command_outcome(command, kind);
    latency_measure(&set->span, sent, set->now);
    latency_put(&pool->latency, set->span.us, set->span.bucket);
    pool->hits += outcome == OUTCOME_HIT;
    pool->misses += outcome == OUTCOME_MISS;
    pool->server_errors += (kind & RESPONSE_ANY_ERROR) != 0;
}

void meter_key(struct conn *c, enum response_kind kind)
{
    const struct call *call = c->head;
    struct backends *set = c->backend->set;
    if (call->keys_seen == 0) got(set, call->pool, call->sent, call->command, kind);
    for (const struct sharer *s = NULL; (s = sharers_of_key(call, s));)
        got(set, s->pool, s->sent, call->command, kind);
}

void meter_answered_all(struct conn *c, const struct response *r)
{
    const struct call *call = c->head;
    struct backends *set = c->backend->set;
    struct board_server *server = c->backend->stats;
    uint32_t keys = call->keys_n - call->keys_seen;
    enum command_outcome outcome = command_outcome(call->command, r->kind);
    latency_measure(&set->span, call->sent, set->now);
    latency_put(&server->latency, set->span.us, set->span.bucket);
    server->responses++;
    server->hits += outcome == OUTCOME_HIT ? keys : 0;
    server->misses += outcome == OUTCOME_MISS ? keys : 0;
    server->server_errors += (r->kind & RESPONSE_ANY_ERROR) != 0;
    meter_pool(set, call)->bytes_read += r->len;
    if (call->done) got(set, call->pool, call->sent, call->command, r->kind);
    for (uint32_t i = 0; i < call->sharers->n; i++) {
        const struct sharer *s = &call->sharers->all[i];
        if (s->done) got(set, s->pool, s->sent, call->command, r->kind);
    }
}

void meter_line_value(struct conn *c, const struct response *r, uint32_t skipped)
{
    struct board_server *server = c->backend->stats;
    server->hits++;
    server->misses += skipped;
    meter_pool(c->backend->set, c->head)->bytes_read += r->len;
    meter_key(c, RESPONSE_VALUE);
}

void meter_sent_alone(struct backend *b, const struct call *call, size_t bytes)
{
    b->set->row->calls++;
    b->stats->requests++;
    meter_pool(b->set, call)->in_flight++;
    meter_pool(b->set, call)->bytes_written += bytes;
    for (uint32_t i = 0; call->sharers && i < call->sharers->n; i++)
        b->set->pools[call->sharers->all[i].pool]->in_flight++;
}

void meter_sharers_ended(const struct backends *set, const struct call *call)
{
    for (uint32_t i = 0; i < call->sharers->n; i++)
        set->pools[call->sharers->all[i].pool]->in_flight--;
}
