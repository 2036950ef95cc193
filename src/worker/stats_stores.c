#include "worker/stats_stores.h"

#include <stdio.h>
#include <string.h>

#include "store/answer.h"
#include "worker/stat_line.h"

static void show(const struct script_store *own, struct outq *out)
{
    const char *store = own->text + strlen("store ");
    char line[STORE_NAME + 32];
    uint64_t counts[STORE_COUNT_N];
    struct store_usage usage = store_usage(own->store);
    store_counts(own->store, counts);
#define SHOW(name, number)                                                                         \
    snprintf(line, sizeof line, "%s:%s", store, name);                                             \
    stat_line_number(out, line, number);
#define X(field, kind, metric, meaning) SHOW(#field, usage.field)
    STORE_USAGE(X)
#undef X
#define X(name, meaning) SHOW(#name, counts[STORE_COUNT_##name])
    STORE_COUNTS(X)
#undef X
#undef SHOW
}

void stats_stores(const struct script *s, struct outq *out)
{
    uint32_t n;
    const struct script_store *all = script_stores(s, &n);
    for (uint32_t i = 0; i < n; i++) show(&all[i], out);
}
