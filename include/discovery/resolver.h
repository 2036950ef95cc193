/* resolver: names to addresses and service records, kept fresh without blocking the loop.
 *
 * One for each worker, which calls resolver_release. A name that is watched is looked up at once, and again when its time
 * to live ends. When a look-up fails or finds nothing, the last answer stays in use, and retries follow. The caller of
 * resolver_watch owns the watch, and frees it with resolver_unwatch.
 *
 * A backend or a source takes a watch on a name, and is called when what the name stands for changes. Names are shared:
 * equal names have one struct name, one look-up and one timer, however many watches there are.
 *
 * A look-up, in this order:
 *
 * 1. A literal address, and then /etc/hosts, answer at once (dns_query_hosts). Then no name server is needed.
 * 2. Otherwise one query for IPv4 and one for IPv6 go out at the same time; for a service one for SRV. Each ends in a
 *    struct part: its records, or why there are none.
 * 3. When both have answered, or GRACE after the first good answer, settle merges the parts into `known`, which is sorted.
 *    Without the grace, a name server that never answers for IPv6 would hold up every look-up until its timeout.
 * 4. A changed set raises the name's revision, and notify_timer calls the watches from the loop. c-ares calls back from
 *    within its own functions, and a watch may take and give watches: it must not run there.
 * 5. The timer starts the next look-up when the time to live ends, within the limits of the settings and a little later by
 *    chance, so that workers do not query all at once.
 *
 * What happens when an answer is
 *
 * - empty (no such name, no such record), for both kinds: the look-up has failed, though the name server did answer. A zone
 *   that is loaded badly looks the same, and a cache without servers helps nobody. An empty answer for one kind only is
 *   normal, and removes the addresses of that kind.
 * - wrong, an error of the name server, or none before the timeout: the part keeps its old records. The look-up fails
 *   unless the other kind of address has answered well.
 * - late: the old set stays in use while queries are open. The answer that comes after the grace is merged in as well.
 *
 * What must never happen: a failed look-up that empties `known`. The last good set stays, the reason is kept for errors to
 * clients, the failure is logged once, and retries follow after pauses that double up to RETRY_MOST. A name whose first
 * look-up failed has no addresses: its watches are called with n = 0 and the reason.
 *
 * Lifetime: c-ares cannot take a query back, and its callback points to the name. So a name lives as long as it has a
 * watch, an open query, or is calling its watches; the last of these to end frees it (name_drop_unused).
 */
#ifndef MOONGATE_DISCOVERY_RESOLVER_H
#define MOONGATE_DISCOVERY_RESOLVER_H

#include "discovery/dns.h"

struct resolver_settings {
    struct dns_settings dns;
    double least; /* seconds between two look-ups of a name at least, */
    double most;  /* and at most, whatever its time to live */
};

/* What a name stands for. Valid during the call. */
struct name_news {
    const struct addr *addrs;   /* of a host, with the port of the watch; IPv4 first, sorted */
    const struct dns_srv *srvs; /* of a service, sorted */
    uint32_t n;                 /* 0: no look-up has succeeded yet; failure says why */
    const char *failure;        /* why the last look-up failed, or NULL */
};

/* Called from the loop when the set has changed, and when look-ups start to fail or to succeed. May take and give back
 * watches, also this one. */
typedef void name_news_fn(void *owner, const struct name_news *news);

struct name;

struct name_watch {
    struct name_watch *next; /* of the same name */
    struct name *name;
    name_news_fn *notify;
    void *owner;
    uint16_t port;
    uint32_t seen; /* the revision of the name that it was last called with */
};

struct resolver {
    struct ev_loop *loop; /* NULL: nothing is ever looked up (a script is only checked) */
    struct resolver_settings settings;
    struct dns dns;
    struct name *first;
    struct name *news; /* names whose watches are to be called */
    ev_timer notify_timer;
};

/* settings->dns.servers must live as long as r. */
void resolver_init(struct resolver *r, struct ev_loop *loop,
                   const struct resolver_settings *settings);

/* All watches must have been given back. */
void resolver_release(struct resolver *r);

/* Watches the addresses of a host, or the SRV records of a service. notify is called before this returns when the answer is
 * known already (from another watch, or from /etc/hosts), and from the loop for everything later. */
struct name_watch *resolver_watch(struct resolver *r, const char *host, uint16_t port,
                                  name_news_fn *notify, void *owner);
struct name_watch *resolver_watch_srv(struct resolver *r, const char *service, name_news_fn *notify,
                                      void *owner);

/* Frees the watch: its owner is not called any more. */
void resolver_unwatch(struct name_watch *w);

#endif
