/* resolver: what names stand for, kept fresh off the loop.
 *
 * One a worker. Each name that somebody watches is looked up at once and again when its time to live ends; equal names share
 * one look-up. /etc/hosts comes first. When a look-up fails, or says that there is nothing, the last answer goes on and the
 * question is put again after growing, jittered pauses. A watch is owned by who took it, until it gives it back.
 */
#ifndef MOONGATE_DISCOVERY_RESOLVER_H
#define MOONGATE_DISCOVERY_RESOLVER_H

#include "discovery/dns.h"

struct resolver_settings {
    struct dns_settings dns;
    double least; /* seconds between two look-ups of a name, whatever its time to live */
    double most;
};

/* What a watch is told. Valid while it is told. */
struct name_news {
    const struct addr *addrs;   /* of a host, with the port of the watch; IPv4 first, sorted */
    const struct dns_srv *srvs; /* of a service, sorted */
    uint32_t n;                 /* 0: there was no answer yet */
    const char *failure;        /* why the last look-up failed, or NULL */
};

/* Called by the loop when the set has changed, and when look-ups begin to fail or to do well again. May take and give back
 * watches, this one too. */
typedef void name_news_fn(void *owner, const struct name_news *news);

struct name;

struct name_watch {
    struct name_watch *next; /* of the same name */
    struct name *name;
    name_news_fn *tell;
    void *owner;
    uint16_t port;
    uint32_t told; /* the revision of the name that it was told */
};

struct resolver {
    struct ev_loop *loop; /* NULL: nothing is ever looked up (a script is only checked) */
    struct resolver_settings settings;
    struct dns dns;
    struct name *first;
    struct name *news; /* names whose watches are to be told */
    ev_timer teller;
};

/* settings->dns.servers must live as long as r. */
void resolver_init(struct resolver *r, struct ev_loop *loop,
                   const struct resolver_settings *settings);

/* All watches were given back, or are forgotten now: nobody is told any more. */
void resolver_release(struct resolver *r);

/* Watches the addresses of a host, or the SRV records of a service. What is known already (from another watch, or from
 * /etc/hosts) is told before this returns, everything else by the loop. */
struct name_watch *resolver_watch(struct resolver *r, const char *host, uint16_t port,
                                  name_news_fn *tell, void *owner);
struct name_watch *resolver_watch_srv(struct resolver *r, const char *service, name_news_fn *tell,
                                      void *owner);

/* The owner is not told any more. */
void resolver_unwatch(struct name_watch *w);

#endif
