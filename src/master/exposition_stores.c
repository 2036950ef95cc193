#include "master/exposition_stores.h"

#include <inttypes.h>

#include "master/exposition.h"
#include "master/store_rows.h"
#include "worker/stats_stores.h"

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
    struct store_rows rows = store_rows_take(s);
#define X(field, kind, metric, meaning)                                                            \
    begin(to, metric, #kind, meaning);                                                             \
    for (size_t i = 0; i < rows.n; i++) put(to, metric, rows.all[i].name, rows.all[i].usage.field);
    STORE_USAGE(X)
#undef X
#define X(count, meaning)                                                                          \
    begin(to, #count "_total", "counter", meaning);                                                \
    for (size_t i = 0; i < rows.n; i++)                                                            \
        put(to, #count "_total", rows.all[i].name, rows.all[i].counts[STORE_COUNT_##count]);
    STORE_COUNTS(X)
#undef X
    store_rows_release(&rows);
}
