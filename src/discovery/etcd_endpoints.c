/* The addresses of etcd's endpoints. */
#include "discovery/etcd_endpoints.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRS_MAX = 16 };

uint32_t endpoints_count(const struct etcd_endpoints *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++) n += p->all[i].addrs_n;
    return n;
}

void endpoints_step(struct etcd_endpoints *p)
{
    if (!endpoints_count(p)) return;
    p->addr_at++;
    while (p->addr_at >= p->all[p->at].addrs_n) {
        p->at = (p->at + 1) % p->n;
        p->addr_at = 0;
    }
}

const struct addr *endpoints_addr(struct etcd_endpoints *p)
{
    if (!endpoints_count(p)) return NULL;
    if (p->addr_at >= p->all[p->at].addrs_n) endpoints_step(p);
    return &p->all[p->at].addrs[p->addr_at];
}

const char *endpoints_why(const struct etcd_endpoints *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        if (!p->all[i].is_unknown) return NULL;
    return p->why;
}

const char *endpoints_host(const struct etcd_endpoints *p, char text[ETCD_HOST_TEXT])
{
    const struct discovery_host *host = &p->url->hosts[p->at];
    bool is_v6 = strchr(host->host, ':');
    snprintf(text, ETCD_HOST_TEXT, "%s%s%s:%u", is_v6 ? "[" : "", host->host, is_v6 ? "]" : "",
             host->port);
    return text;
}

static void take(struct etcd_endpoint *endpoint, const struct name_news *news)
{
    free(endpoint->addrs);
    endpoint->addrs_n = news->n < ADDRS_MAX ? news->n : ADDRS_MAX;
    endpoint->addrs = calloc(endpoint->addrs_n, sizeof *endpoint->addrs);
    if (!endpoint->addrs) abort();
    memcpy(endpoint->addrs, news->addrs, endpoint->addrs_n * sizeof *endpoint->addrs);
}

/* Where the address is among the new ones; the first one is in use when it is not there. */
static bool find(struct etcd_endpoints *p, const struct addr *used)
{
    const struct etcd_endpoint *endpoint = &p->all[p->at];
    for (p->addr_at = 0; p->addr_at < endpoint->addrs_n; p->addr_at++)
        if (memcmp(&endpoint->addrs[p->addr_at], used, sizeof *used) == 0) return true;
    p->addr_at = 0;
    return false;
}

/* A name that fails still has its last addresses. */
static void on_news(void *owner, const struct name_news *news)
{
    struct etcd_endpoint *endpoint = owner;
    struct etcd_endpoints *p = endpoint->endpoints;
    bool is_used = endpoint == &p->all[p->at] && p->addr_at < endpoint->addrs_n, is_gone = false;
    struct addr used = is_used ? endpoint->addrs[p->addr_at] : (struct addr){0};
    endpoint->is_unknown = news->n == 0;
    if (endpoint->is_unknown) snprintf(p->why, sizeof p->why, "%s", news->failure);
    if (news->n) take(endpoint, news);
    if (news->n && is_used) is_gone = !find(p, &used);
    p->news(p->owner, is_gone);
}

void endpoints_init(struct etcd_endpoints *p, struct resolver *resolver,
                    const struct discovery_url *url, endpoints_news_fn *news, void *owner)
{
    *p = (struct etcd_endpoints){.url = url, .news = news, .owner = owner, .n = url->hosts_n};
    p->at = (uint32_t)(drand48() * p->n);
    for (uint32_t i = 0; i < p->n; i++) {
        p->all[i].endpoints = p;
        p->all[i].watch =
            resolver_watch(resolver, url->hosts[i].host, url->hosts[i].port, on_news, &p->all[i]);
    }
}

void endpoints_release(struct etcd_endpoints *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        resolver_unwatch(p->all[i].watch);
        free(p->all[i].addrs);
    }
}
