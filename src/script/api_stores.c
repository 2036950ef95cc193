/* The body of services.h for mg.store. The store lies in memory that outlives scripts and workers; what is made here is the script's route
 * to it. Nothing here enters Lua. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "route/kinds.h"
#include "script/state.h"
#include "store/store.h"

static_assert(STORE_LEAST == MG_STORE_LEAST && STORE_MOST == (uint64_t)MG_STORE_MOST_GIB << 30,
              "Lua checks sizes for stores");

/* Equal names are one store. False: the bundle is full. */
static bool note(struct script *s, struct store *store, const char *text,
                 const struct store_settings *o)
{
    char settings[64];
    for (uint32_t i = 0; i < s->stores_n; i++)
        if (s->stores[i].store == store) return true;
    snprintf(settings, sizeof settings, "%llu %llu", (unsigned long long)o->size,
             (unsigned long long)o->max_value);
    const char *name = text + strlen("store ");
    if (!script_note_store(s, name, strlen(name), settings)) return false;
    s->stores = reallocarray(s->stores, s->stores_n + 1, sizeof *s->stores);
    if (!s->stores) abort();
    struct script_store *own = &s->stores[s->stores_n++];
    own->store = store;
    snprintf(own->text, sizeof own->text, "%s", text);
    return true;
}

/* The largest value that clients may send, by the command line or by what the script has set before. */
static uint64_t largest_value(const struct script *s)
{
    double value = 0, most = (double)s->host.max_value;
    for (uint32_t at = 0; s->host.options && s->host.options[at].name; at++) {
        if (strcmp(s->host.options[at].name, "max_value") != 0) continue;
        if (script_option(s, at, &value) && value > most) most = value;
    }
    return (uint64_t)most;
}

int32_t mg_store_open(struct script *s, const char *name, size_t len, double size)
{
    char text[sizeof s->stores->text];
    struct store_settings settings = {.size = (uint64_t)size, .max_value = largest_value(s)};
    struct store *store = NULL;
    s->wrong = "there is no memory for stores: see the warning at start, and --store-memory";
    if (s->host.stores) store = store_open(s->host.stores, name, len, &settings, &s->wrong);
    if (!store) return -1;
    snprintf(text, sizeof text, "store %.*s", (int)len, name);
    if (!note(s, store, text, &settings)) {
        s->wrong = "the script's files are too large";
        return -1;
    }
    struct route route = {.kind = ROUTE_STORE, .store = store, .text = text};
    memory_hold(&s->memory.of, ROUTE_BYTES);
    return (int32_t)generation_add(&s->routes, &route, NULL, 0);
}

double mg_store_size(struct script *s)
{
    return (double)s->host.store_size;
}

const struct script_store *script_stores(const struct script *s, uint32_t *n)
{
    *n = s->stores_n;
    return s->stores;
}
