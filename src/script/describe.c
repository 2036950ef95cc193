/* What people see of a script: its pools and its route (when it is checked, and in the tools), and the value of an
 * expression. */
#include <assert.h>

#include "script/state.h"

/* discovery_failure: a pool that cannot be discovered now has the servers of the last time, or none. */
static void describe_pool(const struct pool *p, FILE *out)
{
    const struct pool_settings *o = &p->settings;
    enum distribution distribution = o->selector.distribution;
    fprintf(out, "pool %s: %s, %s, timeout %g s, %u server%s\n", o->name,
            distribution_name(distribution),
            distribution_hashes_itself(distribution) ? "its own hash" : hash_name(o->selector.hash),
            o->timeout, p->members_n, p->members_n == 1 ? "" : "s");
    for (uint32_t i = 0; i < p->members_n; i++) {
        const struct backend *b = p->members[i].backend;
        fprintf(out, "  server %s: %u connection%s\n", b->name, b->settings.connections,
                b->settings.connections == 1 ? "" : "s");
    }
    if (!p->discovery) return;
    const char *failure = discovery_failure(p->discovery);
    fprintf(out, "  discovered by %s%s%s\n", discovery_url(p->discovery), failure ? ": " : "",
            failure ? failure : "");
}

static void describe_route(const struct route *route, FILE *out)
{
    if (route->kind == ROUTE_POOL)
        fprintf(out, "route: pool %s\n", route->pool->settings.name);
    else
        fprintf(out, "route: %s\n", route->text);
}

void script_describe(const struct script *s, FILE *out)
{
    for (uint32_t i = 0; i < s->pools_n; i++) describe_pool(s->pools[i], out);
    if (s->root >= 0)
        describe_route(s->routes.routes[s->root], out);
    else
        fprintf(out, "route: a function, asked for every key\n");
}

/* boot.lua's evaluate does all of it. It stands in package.loaded, since C keeps only what routing needs. */
void script_evaluate(struct script *s, const char *text, size_t len, FILE *to)
{
    lua_State *L = s->L;
    assert(lua_gettop(L) == STACK_TOP);
    script_time_begin(s);
    lua_getglobal(L, "package");          /* [..., package] */
    lua_getfield(L, -1, "loaded");        /* [..., package, loaded] */
    lua_getfield(L, -1, "moongate.boot"); /* [..., package, loaded, boot] */
    lua_getfield(L, -1, "evaluate");      /* [..., package, loaded, boot, evaluate] */
    lua_pushlstring(L, text, len);        /* [..., evaluate, text] */
    /* [..., value as text, or what was wrong] */
    bool good = script_memory_call(s, 1, 1, STACK_HANDLER) == 0;
    size_t n;
    const char *said = lua_tolstring(L, -1, &n);
    if (good && said) fwrite(said, 1, n, to);
    if (!good) fputs(script_memory_explain(s, said), to);
    lua_settop(L, STACK_TOP); /* [...] */
    script_memory_end(s);
}
