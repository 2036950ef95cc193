/* The body of services.h for mg.store. The store lies in memory that outlives scripts and workers; what is made here is the script's route
 * to it. Nothing here enters Lua. */
#include <stdio.h>
#include <stdlib.h>

#include "route/kinds.h"
#include "script/state.h"
#include "store/store.h"

static void note(struct script *s, struct store *store)
{
    for (uint32_t i = 0; i < s->stores_n; i++)
        if (s->stores[i] == store) return;
    s->stores = reallocarray(s->stores, s->stores_n + 1, sizeof(struct store *));
    if (!s->stores) abort();
    s->stores[s->stores_n++] = store;
}

int32_t mg_store_open(struct script *s, const char *name, size_t len, double size)
{
    char text[64 + sizeof "store "];
    struct store_settings settings = {.size = (uint64_t)size, .max_value = s->host.max_value};
    struct store *store = NULL;
    s->wrong = "there is no memory for stores: see the warning at start, and --store-memory";
    if (s->host.stores) store = store_open(s->host.stores, name, len, &settings, &s->wrong);
    if (!store) return -1;
    note(s, store);
    snprintf(text, sizeof text, "store %.*s", (int)len, name);
    struct route route = {.kind = ROUTE_STORE, .store = store, .text = text};
    memory_hold(&s->memory.of, ROUTE_BYTES);
    return (int32_t)generation_add(&s->routes, &route, NULL, 0);
}

struct store *const *script_stores(const struct script *s, uint32_t *n)
{
    *n = s->stores_n;
    return s->stores;
}
