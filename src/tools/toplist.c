#include "tools/toplist.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bucket.h"

enum { PLACES = 2 * TOPLIST_MOST };

void toplist_init(struct toplist *t)
{
    *t = (struct toplist){.rows = malloc(TOPLIST_MOST * sizeof *t->rows),
                          .places = calloc(PLACES, sizeof *t->places)};
    if (!t->rows || !t->places) abort();
}

void toplist_release(struct toplist *t)
{
    free(t->rows);
    free(t->places);
    *t = (struct toplist){.n = 0};
}

struct toplist_row *toplist_at(struct toplist *t, const void *name, size_t len)
{
    if (len > TOPLIST_NAME) len = TOPLIST_NAME;
    uint32_t at = bucket_hash(name, len) % PLACES;
    assert(t->places);
    for (; t->places[at]; at = (at + 1) % PLACES) {
        struct toplist_row *row = &t->rows[t->places[at] - 1];
        if (row->len == len && (len == 0 || memcmp(row->name, name, len) == 0)) return row;
    }
    if (t->n == TOPLIST_MOST) return &t->others;
    struct toplist_row *row = &t->rows[t->n++];
    *row = (struct toplist_row){.len = (uint8_t)len};
    if (len) memcpy(row->name, name, len);
    t->places[at] = t->n;
    return row;
}

/* Equal ones by name, so that the order is the same each time. */
static int by_requests(const void *a, const void *b)
{
    const struct toplist_row *p = a, *q = b;
    if (p->requests != q->requests) return p->requests < q->requests ? 1 : -1;
    int order = memcmp(p->name, q->name, p->len < q->len ? p->len : q->len);
    return order ? order : (p->len > q->len) - (p->len < q->len);
}

void toplist_sort(struct toplist *t)
{
    free(t->places);
    t->places = NULL;
    if (t->n) qsort(t->rows, t->n, sizeof *t->rows, by_requests);
}
