#include "backend/meter.h"

#include <assert.h>

/* Every call that a pool sends is counted twice, for its server and for its pool, so that one server of two pools can be told
 * apart from its pools. Calls of no pool (probes, flush_all and statistics for clients) count for their server alone: their
 * pool is set->no_pool, which is not on the board, so that nothing here has to ask whether there is one. */

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

void meter_lost(const struct conn *c)
{
    c->backend->set->row->call_failures += c->depth;
    c->backend->stats->failed += c->depth;
    for (const struct call *call = c->head; call; call = call->next)
        meter_pool(c->backend->set, call)->failed++;
}

void meter_late(const struct conn *c, const struct call *call)
{
    c->backend->set->row->call_timeouts++;
    c->backend->stats->timeouts++;
    meter_pool(c->backend->set, call)->timeouts++;
}
