/* The body of abi.h for mg.lease: what no lease can be made of. Nothing here enters Lua. */
#include <assert.h>

#include "backend/data.h"
#include "backend/framed.h"
#include "script/state.h"

static const char *refused_server(const struct backend_settings *settings)
{
    if (settings->protocol == PROTOCOL_BINARY)
        return "takes no servers with protocol = \"binary\": a lease needs meta commands, which "
               "only "
               "text has; without_meta = \"plain\" makes a plain pool of them";
    if (settings->probe == PROBE_CONNECT)
        return "takes no servers with probe = \"connect\": whether they know meta commands is not "
               "asked then; without_meta = \"plain\" makes a plain pool of them";
    return NULL;
}

/* Anywhere below. A route is made after its children, so there is an end to it. */
static bool has_lease(const struct route *route)
{
    if (route->kind == ROUTE_LEASE) return true;
    for (uint32_t i = 0; i < route->children_n; i++)
        if (has_lease(route->children[i])) return true;
    return false;
}

static const char *refused_places(const struct route *route)
{
    if (route->children_n < 2) return NULL;
    if (route->kind == ROUTE_RANDOM)
        return "takes no mg.random: who looks for an item would find it by chance";
    if (route->kind == ROUTE_ALL && route->options.wait != WAIT_INITIAL)
        return "takes no route that asks several places: several clients might get the miss, or "
               "none; give it a route that has one place for each key";
    return NULL;
}

const char *mg_lease_refuses(struct script *s, int32_t route, bool may_be_plain)
{
    assert(route >= 0 && (uint32_t)route < s->routes.routes_n);
    const struct route *child = s->routes.routes[route];
    if (has_lease(child))
        return "takes no other mg.lease: each would take the other's placeholder for that of "
               "another client, and nobody would get the miss";
    if (child->kind != ROUTE_POOL) return refused_places(child);
    const struct pool *pool = child->pool;
    if (pool->settings.selector.distribution == DISTRIBUTION_RANDOM)
        return "takes no pool with distribution = \"random\": who looks for an item would find it "
               "by "
               "chance";
    if (may_be_plain) return NULL;
    const char *wrong = refused_server(&pool->settings.backend);
    for (uint32_t i = 0; !wrong && i < pool->members_n; i++)
        wrong = refused_server(&pool->members[i].backend->settings);
    return wrong;
}
