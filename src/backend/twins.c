#include "backend/twins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two servers of one name have the same points on a ring: one of them gets no key, and twemproxy refuses such a file. The same server
 * twice, in a distribution that only counts servers, is a weight, as clients of libmemcached have it; there it may be meant. */

static int by_name(const void *a, const void *b)
{
    const struct pool_member *const *m = a, *const *n = b;
    return strcmp((*m)->name, (*n)->name);
}

static int by_address(const void *a, const void *b)
{
    const struct pool_member *const *m = a, *const *n = b;
    return strcmp((*m)->backend->name, (*n)->backend->name);
}

typedef int order_fn(const void *a, const void *b);
typedef bool wrong_fn(const struct pool *p, const struct pool_member *m,
                      const struct pool_member *n);

/* The first two that are equal in that order, and that are wrong. */
static const struct pool_member *find(const struct pool *p, order_fn *order, wrong_fn *is_wrong,
                                      const struct pool_member **other)
{
    const struct pool_member **all = calloc(p->members_n + 1, sizeof *all);
    if (!all) abort();
    for (uint32_t i = 0; i < p->members_n; i++) all[i] = &p->members[i];
    if (p->members_n > 1) qsort(all, p->members_n, sizeof *all, order);
    const struct pool_member *found = NULL;
    for (uint32_t i = 1; i < p->members_n && !found; i++) {
        if (order(&all[i - 1], &all[i]) != 0 || !is_wrong(p, all[i - 1], all[i])) continue;
        found = all[i - 1];
        *other = all[i];
    }
    free(all);
    return found;
}

static bool clash(const struct pool *p, const struct pool_member *m, const struct pool_member *n)
{
    bool counts_only = distribution_ignores_names(p->settings.selector.distribution);
    return !counts_only || strcmp(m->backend->name, n->backend->name) != 0;
}

static bool always(const struct pool *p, const struct pool_member *m, const struct pool_member *n)
{
    return p && m && n;
}

const char *twins_refused(const struct pool *p)
{
    static char text[3 * BACKEND_NAME_MAX];
    const struct pool_member *n, *m = find(p, by_name, clash, &n);
    if (!m) return NULL;
    snprintf(text, sizeof text,
             "has two servers named %s (%s and %s): give each a name of its own, or leave one out",
             m->name, m->backend->name, n->backend->name);
    return text;
}

const char *twins_warned(const struct pool *p)
{
    static char text[4 * BACKEND_NAME_MAX];
    const struct pool_member *n, *m = find(p, by_address, always, &n);
    if (!m) return NULL;
    snprintf(text, sizeof text,
             "has server %s twice: one of them fails when the other does; a weight gives a server "
             "more keys",
             m->backend->name);
    return text;
}
