/* Lists of servers: how they are read, ordered and compared. Pure but for memory. */
#include "discovery/discovered.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The last sentence with a number or a name in it. */
static _Thread_local char sentence[256];

void discovered_add(struct discovered_list *list, const struct server_spec *spec)
{
    assert(list->n <= list->room);
    if (list->n == list->room) {
        list->room = list->room ? list->room * 2 : 16;
        list->items = reallocarray(list->items, list->room, sizeof *list->items);
        if (!list->items) abort();
    }
    list->items[list->n++] = *spec;
}

void discovered_release(struct discovered_list *list)
{
    free(list->items);
    *list = (struct discovered_list){0};
}

void discovered_copy(struct discovered_list *to, const struct discovered_list *from)
{
    *to = (struct discovered_list){0};
    for (uint32_t i = 0; i < from->n; i++) discovered_add(to, &from->items[i]);
}

/* --- order ------------------------------------------------------------------------------------- */

/* By what places keys: the name, or the address when there is none. */
static int compare_known(const struct server_spec *a, const struct server_spec *b)
{
    char x[SERVER_TEXT_MAX], y[SERVER_TEXT_MAX];
    return strcmp(server_ring_name(a, NAMING_HOST_PORT, x),
                  server_ring_name(b, NAMING_HOST_PORT, y));
}

/* Paths first, since a spec has either a path or a host. */
static int compare_addresses(const struct server_spec *a, const struct server_spec *b)
{
    int order = strcmp(a->addr.path, b->addr.path);
    if (!order) order = strcmp(a->addr.host, b->addr.host);
    return order ? order : (a->addr.port > b->addr.port) - (a->addr.port < b->addr.port);
}

static int compare_identity(const struct server_spec *a, const struct server_spec *b)
{
    int order = compare_known(a, b);
    if (!order) order = compare_addresses(a, b);
    return order ? order : strcmp(a->name, b->name);
}

/* The weight comes last: of two servers that differ in it alone, the lighter one stays. */
static int compare(const void *one, const void *other)
{
    const struct server_spec *a = one, *b = other;
    int order = compare_identity(a, b);
    return order ? order : (a->weight > b->weight) - (a->weight < b->weight);
}

const char *discovered_settle(struct discovered_list *list)
{
    uint32_t kept = 0;
    if (list->n == 0) return "there is no server in the list";
    qsort(list->items, list->n, sizeof *list->items, compare);
    for (uint32_t i = 0; i < list->n; i++) {
        if (kept && compare_identity(&list->items[kept - 1], &list->items[i]) == 0) continue;
        list->items[kept++] = list->items[i];
    }
    list->n = kept;
    if (kept > DISCOVERED_MAX) return "there are more than 4096 servers";
    for (uint32_t i = 1; i < kept; i++) {
        const struct server_spec *a = &list->items[i - 1], *b = &list->items[i];
        char name[SERVER_TEXT_MAX];
        if (compare_known(a, b) != 0) continue;
        snprintf(sentence, sizeof sentence, "two servers are called %.100s",
                 server_ring_name(a, NAMING_HOST_PORT, name));
        return sentence;
    }
    return NULL;
}

/* Weights count here: a changed weight is a changed list. */
bool discovered_equal(const struct discovered_list *a, const struct discovered_list *b)
{
    if (a->n != b->n) return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (compare(&a->items[i], &b->items[i]) != 0) return false;
    return true;
}

/* Both lists are sorted, so one pass over both is enough. */
uint32_t discovered_beyond(const struct discovered_list *list, const struct discovered_list *other)
{
    uint32_t beyond = 0;
    for (uint32_t i = 0, j = 0; i < list->n; i++) {
        int order = 1;
        assert(!i || compare_identity(&list->items[i - 1], &list->items[i]) < 0); /* settled */
        while (j < other->n && (order = compare_identity(&list->items[i], &other->items[j])) > 0)
            j++;
        beyond += j == other->n || order != 0;
    }
    return beyond;
}

/* Exactly half may go: of two servers one may always leave. */
bool discovered_shrinks(const struct discovered_list *from, const struct discovered_list *to)
{
    return to->n < from->n && from->n - to->n > from->n / 2.0;
}

/* --- where lists come from --------------------------------------------------------------------- */

const char *discovered_from_file(struct discovered_list *list, const char *bytes, size_t len)
{
    struct member_reader r = {.bytes = bytes, .len = len};
    struct server_spec spec;
    enum member_status status;
    while ((status = member_next_in_file(&r, &spec)) == MEMBER_OK) discovered_add(list, &spec);
    if (status == MEMBER_END) return NULL;
    snprintf(sentence, sizeof sentence, "line %u: %s", r.line, r.wrong);
    return sentence;
}

const char *discovered_from_config(struct discovered_list *list, const char *nodes, size_t len)
{
    struct member_reader r = {.bytes = nodes, .len = len};
    struct server_spec spec;
    enum member_status status;
    while ((status = member_next_in_config(&r, &spec)) == MEMBER_OK) discovered_add(list, &spec);
    if (status == MEMBER_END) return NULL;
    snprintf(sentence, sizeof sentence, "node %u of its configuration: %s", r.line, r.wrong);
    return sentence;
}

/* Through text, so that a server found by address has the same spec as one that is written in a script. */
void discovered_from_addrs(struct discovered_list *list, const struct addr *addrs, uint32_t n)
{
    struct server_spec spec;
    char server[ADDR_TEXT_MAX];
    for (uint32_t i = 0; i < n; i++) {
        addr_print(&addrs[i], server);
        if (!server_spec_parse(&spec, server, strlen(server))) discovered_add(list, &spec);
    }
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

/* Name servers of clusters divide a fixed sum among the targets. Without the common divisor every weight would change
 * whenever a target comes or goes, and keys would move. Targets of a lower priority are spares, which are not in
 * the pool. */
void discovered_from_srv(struct discovered_list *list, const struct dns_srv *srvs, uint32_t n)
{
    uint32_t lowest = UINT32_MAX, divisor = 0, most = 0;
    for (uint32_t i = 0; i < n; i++)
        if (srvs[i].priority < lowest) lowest = srvs[i].priority;
    for (uint32_t i = 0; i < n; i++) {
        if (srvs[i].priority != lowest) continue;
        divisor = common_divisor(weight_of(&srvs[i]), divisor);
        if (weight_of(&srvs[i]) > most) most = weight_of(&srvs[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct dns_srv *srv = &srvs[i];
        struct server_spec spec;
        if (srv->priority != lowest) continue;
        if (server_spec_from_host(&spec, srv->host, strlen(srv->host), srv->port))
            continue; /* port 0, no host */
        if (most > divisor) spec.weight = (double)weight_of(srv) / divisor;
        discovered_add(list, &spec);
    }
}
