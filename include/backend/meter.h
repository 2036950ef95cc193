/* meter: what a worker counts for a server and for a pool: calls, keys, bytes and times.
 *
 * Owns nothing: the entries belong to the worker's part of the board. A call knows its pool's entry by its place (call->pool), for a
 * call may outlive its pool, but no entry.
 */
#ifndef MOONGATE_BACKEND_METER_H
#define MOONGATE_BACKEND_METER_H

#include "backend/call.h"
#include "backend/conn.h"
#include "backend/data.h"

/* Finds the places of the pools' entries. */
void meter_init(struct backends *set);

/* The place of the pool of that name. */
uint8_t meter_pool_place(struct backends *set, const char *name);

/* The entry of the call's pool; for a call of no pool, one that nobody reads. */
static inline struct board_pool *meter_pool(const struct backends *set, const struct call *call)
{
    return set->pools[call->pool];
}

/* A call was made, of so many bytes. */
static inline void meter_sent(struct backend *b, const struct call *call, size_t bytes)
{
    struct board_pool *pool = meter_pool(b->set, call);
    b->set->row->calls++;
    b->stats->requests++;
    pool->requests++;
    pool->in_flight++;
    pool->bytes_written += bytes;
}

/* A further key went into the call. */
static inline void meter_joined(const struct backend *b, const struct request *r,
                                const struct call *call)
{
    meter_pool(b->set, call)->bytes_written += (uint64_t)r->key_len + 1;
}

/* A get shares the call of another one, which that key is in already; or its key went into the call's line. */
static inline void meter_shared(const struct backend *b, uint8_t pool)
{
    b->set->row->gets_shared++;
    b->set->pools[pool]->requests++;
    b->set->pools[pool]->in_flight++;
}
static inline void meter_merged(const struct backend *b, const struct request *r, uint8_t pool)
{
    b->set->row->gets_merged++;
    b->set->pools[pool]->requests++;
    b->set->pools[pool]->in_flight++;
    b->set->pools[pool]->bytes_written += (uint64_t)r->key_len + 1;
}

/* A response came for the connection's first call, and ends it. END says that no key that is left was found. Here for speed. */
static inline void meter_answered(struct conn *c, const struct response *r)
{
    const struct call *call = c->head;
    struct backends *set = c->backend->set;
    struct board_server *server = c->backend->stats;
    struct board_pool *pool = meter_pool(set, call);
    latency_measure(&set->span, call->sent, set->now);
    latency_put(&server->latency, set->span.us, set->span.bucket);
    latency_put(&pool->latency, set->span.us, set->span.bucket);
    server->responses++;
    pool->bytes_read += r->len;
    uint32_t keys = call->keys_n - call->keys_seen;
    switch (command_outcome(call->command, r->kind)) {
    case OUTCOME_HIT:
        server->hits += keys;
        pool->hits += keys;
        return;
    case OUTCOME_MISS:
        server->misses += keys;
        pool->misses += keys;
        return;
    case OUTCOME_OTHER: break;
    }
    if (!(r->kind & RESPONSE_ANY_ERROR)) return;
    server->server_errors++;
    pool->server_errors++;
}

/* A value came for a key of the first call, which asked for several; `skipped` keys before it were not found. */
static inline void meter_value(struct conn *c, const struct response *r, uint32_t skipped)
{
    struct board_server *server = c->backend->stats;
    struct board_pool *pool = meter_pool(c->backend->set, c->head);
    server->hits++;
    pool->hits++;
    server->misses += skipped;
    pool->misses += skipped;
    pool->bytes_read += r->len;
}

/* The same for a first call with several owners: each counts in its pool, and in the server's counters a key counts once. */
void meter_answered_all(struct conn *c, const struct response *r);

/* A value came for a key of a line with keys of several owners; `skipped` keys before it were not found. */
void meter_line_value(struct conn *c, const struct response *r, uint32_t skipped);

/* The key at hand of the first call, which has several owners, was found or was not. */
void meter_key(struct conn *c, enum response_kind kind);

/* A key of a line that the server refused is asked for by a call of its own, of so many bytes. */
void meter_sent_alone(struct backend *b, const struct call *call, size_t bytes);

/* All calls of the connection are lost. */
void meter_lost(const struct conn *c);

/* An owner's deadline has passed: for its pool, and, when it is the call's first, for the server. */
void meter_late(const struct conn *c, struct call *call, uint8_t pool);

void meter_sharers_ended(const struct backends *set, const struct call *call);

/* The call ends, in whatever way: it is freed next. */
static inline void meter_ended(const struct backends *set, const struct call *call)
{
    meter_pool(set, call)->in_flight--;
    if (__builtin_expect(call->sharers != NULL, 0)) meter_sharers_ended(set, call);
}

#endif
