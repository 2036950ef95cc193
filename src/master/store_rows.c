#include "master/store_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/storage.h"
#include "store/answer.h"

/* Of two stores of one name (a reload has given it another size) that of the script in use is shown. */
static bool is_shown(const struct storage *s, const char *name, const struct store_usage *usage)
{
    for (int i = 0; i < s->named_n; i++)
        if (strcmp(s->named[i].name, name) == 0 && s->named[i].settings.size == usage->size)
            return true;
    return false;
}

struct store_rows store_rows_take(const struct storage *s)
{
    struct store_rows rows = {NULL, 0};
    struct store *store;
    const char *name;
    uint32_t at = 0;
    if (!s || !s->region || s->named_n <= 0) return rows;
    rows.all = calloc((size_t)s->named_n, sizeof *rows.all);
    if (!rows.all) abort();
    while (rows.n < (size_t)s->named_n && (store = store_region_next(s->region, &at, &name))) {
        struct store_row *row = &rows.all[rows.n];
        row->usage = store_usage(store);
        store_counts(store, row->counts);
        snprintf(row->name, sizeof row->name, "%s", name);
        rows.n += is_shown(s, name, &row->usage);
    }
    return rows;
}

void store_rows_release(struct store_rows *rows)
{
    free(rows->all);
    *rows = (struct store_rows){NULL, 0};
}

const struct store_row *store_rows_find(const struct store_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->n; i++)
        if (strcmp(rows->all[i].name, name) == 0) return &rows->all[i];
    return NULL;
}
