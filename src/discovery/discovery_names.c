/* Membership from DNS: the SRV records of a name, or its addresses. The resolver does the work: it repeats look-ups by
 * their time to live, and keeps the last good answer. */
#include "base/slab.h"
#include "discovery/discovery_source.h"

struct names {
    struct discovery *discovery;
    struct name_watch *watch;
};

/* A name that fails still has its last records. They are reported before the failure: a discovery that is new may have no
 * list yet. */
static void on_news(void *owner, const struct name_news *news)
{
    struct names *s = owner;
    struct discovered_list list = {0};
    if (news->srvs) discovered_from_srv(&list, news->srvs, news->n);
    if (news->addrs) discovered_from_addrs(&list, news->addrs, news->n);
    if (list.n) discovery_found(s->discovery, &list);
    if (news->failure) discovery_failed(s->discovery, news->failure);
}

static struct names *names_create(struct discovery *d)
{
    struct names *s = slab_borrow(sizeof *s);
    *s = (struct names){.discovery = d};
    return s;
}

static void *start_srv(struct discovery *d)
{
    struct names *s = names_create(d);
    s->watch =
        resolver_watch_srv(discovery_set(d)->resolver, discovery_parsed(d)->host, on_news, s);
    return s;
}

static void *start_dns(struct discovery *d)
{
    const struct discovery_url *url = discovery_parsed(d);
    struct names *s = names_create(d);
    s->watch = resolver_watch(discovery_set(d)->resolver, url->host, url->port, on_news, s);
    return s;
}

static void stop(void *state)
{
    struct names *s = state;
    resolver_unwatch(s->watch);
    slab_return(s, sizeof *s);
}

const struct discovery_source discovery_from_srv = {start_srv, stop};
const struct discovery_source discovery_from_dns = {start_dns, stop};
