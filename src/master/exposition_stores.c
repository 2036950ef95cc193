#include "master/exposition_stores.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "master/exposition.h"
#include "store/answer.h"
#include "worker/stats_stores.h"

struct shown {
    const char *label;
    struct store_usage usage;
    uint64_t counts[STORE_COUNT_N];
};

/* Of two stores of one name (a reload has given it another size) that of the script in use is shown. */
static bool is_shown(const struct storage *s, const char *name, const struct store_usage *usage)
{
    for (int i = 0; i < s->named_n; i++)
        if (strcmp(s->named[i].name, name) == 0 && s->named[i].settings.size == usage->size)
            return true;
    return false;
}

static uint32_t find(const struct storage *s, struct shown *to)
{
    uint32_t n = 0, at = 0;
    struct store *store;
    while (s->region && n < STORES_MAX &&
           (store = store_region_next(s->region, &at, &to[n].label))) {
        to[n].usage = store_usage(store);
        store_counts(store, to[n].counts);
        n += is_shown(s, to[n].label, &to[n].usage);
    }
    return n;
}

static void begin(FILE *to, const char *metric, const char *type, const char *meaning)
{
    fprintf(to, "# HELP moongate_store_%s %s.\n# TYPE moongate_store_%s %s\n", metric, meaning,
            metric, type);
}

static void put(FILE *to, const char *metric, const char *store, uint64_t value)
{
    fprintf(to, "moongate_store_%s{store=\"", metric);
    exposition_label(to, store);
    fprintf(to, "\"} %" PRIu64 "\n", value);
}

void exposition_stores(const struct storage *s, FILE *to)
{
    struct shown *all = calloc(STORES_MAX, sizeof *all);
    if (!all) abort();
    uint32_t n = find(s, all);
#define X(field, kind, metric, meaning)                                                            \
    begin(to, metric, #kind, meaning);                                                             \
    for (uint32_t i = 0; i < n; i++) put(to, metric, all[i].label, all[i].usage.field);
    STORE_USAGE(X)
#undef X
#define X(name, meaning)                                                                           \
    begin(to, #name "_total", "counter", meaning);                                                 \
    for (uint32_t i = 0; i < n; i++)                                                               \
        put(to, #name "_total", all[i].label, all[i].counts[STORE_COUNT_##name]);
    STORE_COUNTS(X)
#undef X
    free(all);
}
