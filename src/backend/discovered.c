#include "backend/discovered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char sentence[256];

static char *copy_text(const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy) abort();
    return copy;
}

static void add(struct discovered_list *list, struct discovered d)
{
    if (list->n == list->room) {
        list->room = list->room ? list->room * 2 : 16;
        list->items = reallocarray(list->items, list->room, sizeof *list->items);
        if (!list->items) abort();
    }
    list->items[list->n++] = (struct discovered){copy_text(d.server), copy_text(d.name), d.weight};
}

void discovered_add(struct discovered_list *list, const struct member *m)
{
    add(list, (struct discovered){m->server, m->name[0] ? m->name : NULL, m->weight});
}

static void release_item(struct discovered *d)
{
    free((char *)d->server);
    free((char *)d->name);
}

void discovered_release(struct discovered_list *list)
{
    for (uint32_t i = 0; i < list->n; i++) release_item(&list->items[i]);
    free(list->items);
    *list = (struct discovered_list){0};
}

void discovered_copy(struct discovered_list *to, const struct discovered_list *from)
{
    *to = (struct discovered_list){0};
    for (uint32_t i = 0; i < from->n; i++) add(to, from->items[i]);
}

/* --- order ------------------------------------------------------------------------------------- */

static const char *known_by(const struct discovered *d)
{
    return d->name ? d->name : d->server;
}

static int compare_identity(const struct discovered *a, const struct discovered *b)
{
    int order = strcmp(known_by(a), known_by(b));
    return order ? order : strcmp(a->server, b->server);
}

/* The weight last: of two that differ in it alone, the lighter one is left. */
static int compare(const void *one, const void *other)
{
    const struct discovered *a = one, *b = other;
    int order = compare_identity(a, b);
    return order ? order : (a->weight > b->weight) - (a->weight < b->weight);
}

const char *discovered_settle(struct discovered_list *list)
{
    uint32_t kept = 0;
    if (list->n == 0) return "there is no server in the answer";
    qsort(list->items, list->n, sizeof *list->items, compare);
    for (uint32_t i = 0; i < list->n; i++) {
        struct discovered *d = &list->items[i];
        if (kept && compare_identity(&list->items[kept - 1], d) == 0)
            release_item(d);
        else
            list->items[kept++] = *d;
    }
    list->n = kept;
    if (kept > DISCOVERED_MAX) return "there are more than 4096 servers";
    for (uint32_t i = 1; i < kept; i++) {
        const struct discovered *a = &list->items[i - 1], *b = &list->items[i];
        if (strcmp(known_by(a), known_by(b)) != 0) continue;
        snprintf(sentence, sizeof sentence, "the name %.100s stands for both %.60s and %.60s",
                 known_by(a), a->server, b->server);
        return sentence;
    }
    return NULL;
}

bool discovered_equal(const struct discovered_list *a, const struct discovered_list *b)
{
    if (a->n != b->n) return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (compare(&a->items[i], &b->items[i]) != 0 || !a->items[i].name != !b->items[i].name)
            return false;
    return true;
}

uint32_t discovered_beyond(const struct discovered_list *list, const struct discovered_list *other)
{
    uint32_t beyond = 0;
    for (uint32_t i = 0, j = 0; i < list->n; i++) {
        int order = 1;
        while (j < other->n && (order = compare_identity(&list->items[i], &other->items[j])) > 0)
            j++;
        beyond += j == other->n || order != 0;
    }
    return beyond;
}

bool discovered_shrinks(const struct discovered_list *from, const struct discovered_list *to)
{
    return to->n < from->n && from->n - to->n > from->n / 2.0;
}

/* --- where lists come from --------------------------------------------------------------------- */

const char *discovered_from_file(struct discovered_list *list, const char *bytes, size_t len)
{
    struct member_reader r = {.bytes = bytes, .len = len};
    struct member m;
    enum member_status status;
    while ((status = member_next_in_file(&r, &m)) == MEMBER_OK) discovered_add(list, &m);
    if (status == MEMBER_END) return NULL;
    snprintf(sentence, sizeof sentence, "line %u: %s", r.line, r.wrong);
    return sentence;
}

const char *discovered_from_config(struct discovered_list *list, const char *nodes, size_t len)
{
    struct member_reader r = {.bytes = nodes, .len = len};
    struct member m;
    enum member_status status;
    while ((status = member_next_in_config(&r, &m)) == MEMBER_OK) discovered_add(list, &m);
    if (status == MEMBER_END) return NULL;
    snprintf(sentence, sizeof sentence, "node %u of its configuration: %s", r.line, r.wrong);
    return sentence;
}

void discovered_from_addrs(struct discovered_list *list, const struct addr *addrs, uint32_t n)
{
    char server[ADDR_TEXT_MAX];
    for (uint32_t i = 0; i < n; i++)
        add(list, (struct discovered){addr_print(&addrs[i], server), NULL, 1});
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static uint32_t weight_of(const struct dns_srv *srv)
{
    return srv->weight ? srv->weight : 1;
}

/* Name servers of clusters share a fixed sum out among the targets: without the common divisor, every weight would change
 * with each target that comes or goes. */
void discovered_from_srv(struct discovered_list *list, const struct dns_srv *srvs, uint32_t n)
{
    uint32_t lowest = UINT32_MAX, divisor = 0;
    for (uint32_t i = 0; i < n; i++)
        if (srvs[i].priority < lowest) lowest = srvs[i].priority;
    for (uint32_t i = 0; i < n; i++)
        if (srvs[i].priority == lowest) divisor = common_divisor(weight_of(&srvs[i]), divisor);
    for (uint32_t i = 0; i < n; i++) {
        char server[DNS_NAME_MAX + 8];
        const struct dns_srv *srv = &srvs[i];
        if (srv->priority != lowest) continue;
        snprintf(server, sizeof server, "%s:%u", srv->host, srv->port);
        add(list, (struct discovered){server, NULL, weight_of(srv) / divisor});
    }
}
