/* The version is the time of the start. ElastiCache's own clients take a configuration only if its version is above the one that they
 * have, so it must not go down when a moongate with other nodes comes into the place of this one, or beside it. */
#include "worker/advertised.h"

#include "client/cluster.h"
#include "net/addr.h"
#include "worker/option_table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ADDRESSES = 16 }; /* of a name: as many are looked at */

/* 0.0.0.0 and ::. */
static bool is_any(const struct addr *a)
{
    if (a->sa.any.sa_family == AF_INET) return a->sa.v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&a->sa.v6.sin6_addr);
}

const char *advertised_wrong(const char *item)
{
    struct addr_spec spec;
    struct addr addr;
    const char *wrong = addr_spec_parse(&spec, item, strlen(item));
    if (wrong) return wrong;
    if (spec.path[0]) return "clients elsewhere cannot connect to a unix socket: give host:port";
    if (spec.has_port && spec.port == 0) return "port 0 is no port that a client can connect to";
    if (addr_spec_is_literal(&spec, 0, &addr) && is_any(&addr))
        return "clients cannot connect to it: give the address by which they reach moongate";
    return NULL;
}

/* IPv4 where there is any: many of these clients know nothing else. */
static const struct addr *best(const struct addr *addrs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (addrs[i].sa.any.sa_family == AF_INET) return &addrs[i];
    return addrs;
}

/* One node for each item, whatever number of addresses its name has. */
static bool add(FILE *to, const char *item, uint16_t port)
{
    struct addr_spec spec;
    struct addr addrs[ADDRESSES];
    size_t n;
    const char *wrong = addr_spec_parse(&spec, item, strlen(item));
    if (!wrong) wrong = addr_resolve(&spec, port, addrs, ADDRESSES, &n);
    if (!wrong && !spec.has_port && port == 0) wrong = "with --port 0 each node needs its port";
    if (wrong) {
        fprintf(stderr, "moongate: --advertise %s: %s: correct it, or give the address\n", item,
                wrong);
        return false;
    }
    cluster_print_node(to, spec.host, best(addrs, n));
    return true;
}

bool advertised_look_up(struct advertised *to, const struct option_list *items, uint16_t port)
{
    size_t len;
    bool good = true;
    to->version = (uint64_t)time(NULL);
    if (items->n == 0) return true;
    FILE *text = open_memstream(&to->nodes, &len);
    if (!text) abort();
    for (size_t i = 0; good && i < items->n; i++) {
        if (i) fputc(' ', text);
        good = add(text, items->items[i], port);
    }
    if (fclose(text) != 0) abort();
    return good;
}

void advertised_release(struct advertised *a)
{
    free(a->nodes);
    a->nodes = NULL;
}
