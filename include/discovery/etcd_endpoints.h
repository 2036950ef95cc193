/* etcd_endpoints: the addresses of etcd's endpoints, and which of them is in use.
 *
 * A plain member of a source, which releases it. The names of the endpoints are looked up by the resolver, for as long as it lives. In a
 * worker.
 */
#ifndef MOONGATE_DISCOVERY_ETCD_ENDPOINTS_H
#define MOONGATE_DISCOVERY_ETCD_ENDPOINTS_H

#include "discovery/membership.h"
#include "discovery/resolver.h"

enum { ETCD_HOST_TEXT = ADDR_HOST_MAX + 16, ETCD_WHY_MAX = 200 };

struct etcd_endpoints;

struct etcd_endpoint {
    struct etcd_endpoints *endpoints;
    struct name_watch *watch;
    struct addr *addrs;
    uint32_t addrs_n;
    bool is_unknown; /* its name was not resolved: it has no addresses */
};

/* An endpoint has new addresses, or none could be found. is_gone: the address in use is none of its endpoint's any more, and another
 * one is in use now. Called from the loop, and by endpoints_init. */
typedef void endpoints_news_fn(void *owner, bool is_gone);

/* Invariant: at < n. */
struct etcd_endpoints {
    const struct discovery_url *url;
    endpoints_news_fn *news;
    void *owner;
    struct etcd_endpoint all[DISCOVERY_HOSTS_MAX];
    uint32_t n;
    uint32_t at, addr_at;   /* in use: an endpoint, and its address */
    char why[ETCD_WHY_MAX]; /* the last name that was not resolved: why */
};

/* Begins at an endpoint by chance: many workers spread over them. url must live as long as p. */
void endpoints_init(struct etcd_endpoints *p, struct resolver *resolver,
                    const struct discovery_url *url, endpoints_news_fn *news, void *owner);
void endpoints_release(struct etcd_endpoints *p);

/* How many addresses all endpoints have. */
uint32_t endpoints_count(const struct etcd_endpoints *p);

/* NULL: there is none at all, and then endpoints_why says why, or is NULL while an answer is awaited. */
const struct addr *endpoints_addr(struct etcd_endpoints *p);
const char *endpoints_why(const struct etcd_endpoints *p);

/* To the next address, perhaps of the next endpoint. */
void endpoints_step(struct etcd_endpoints *p);

/* Prints `host:port` of the endpoint in use, as its URL has it. Returns text. */
const char *endpoints_host(const struct etcd_endpoints *p, char text[ETCD_HOST_TEXT]);

#endif
