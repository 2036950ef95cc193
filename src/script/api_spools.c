/* The body of abi.h for mg.spool_deletes: which pool, which folder, which bounds. Nothing here enters Lua, and no disk is touched. */
#include <assert.h>

#include "script/spools.h"
#include "script/state.h"

/* A delete must meet its key where the key is read later. */
static const char *refused(const struct route *route)
{
    if (route->kind != ROUTE_POOL) return "takes a pool, and no other route";
    const struct pool_settings *settings = &route->pool->settings;
    if (settings->on_failure == ON_FAILURE_REHASH)
        return "takes no pool with on_failure = \"rehash\": while a server is down its deletes go "
               "to another one, "
               "and the old values are there when it is back";
    if (settings->backend.eject != EJECTS_NONE)
        return "takes no pool with eject = \"twemproxy\": while a server is out its deletes go to "
               "another one, and "
               "the old values are there when it is back";
    if (settings->selector.distribution == DISTRIBUTION_RANDOM)
        return "takes no pool with distribution = \"random\": a delete would meet its key by "
               "chance";
    return NULL;
}

const char *mg_spool(struct script *s, int32_t route, const char *dir, double max_size,
                     double max_total, double max_age)
{
    struct spool_place place;
    assert(route >= 0 && (uint32_t)route < s->routes.routes_n);
    const char *wrong = refused(s->routes.routes[route]);
    if (!wrong) wrong = spool_place_init(&place, dir);
    if (wrong) return wrong;
    if (max_size > 0) place.max_size = (uint64_t)max_size;
    if (max_total > 0) place.max_total = (uint64_t)max_total;
    place.max_age = (uint32_t)max_age;
    return spools_add(s, &place);
}
