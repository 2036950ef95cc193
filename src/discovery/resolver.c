/* How a look-up runs, and why, is at the head of discovery/resolver.h. */
#include "discovery/resolver.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/slab.h"

/* Seconds that the first answer for one kind of address waits for the other kind. */
static const double GRACE = 0.2;
static const double RETRY_MOST = 30.0; /* seconds between look-ups that fail, if settings allow */

enum { KINDS = 2, REASON_MAX = 120 };

/* The answers for one kind of record. */
struct part {
    union dns_record *records; /* of the last answer that was not a failure */
    uint32_t n;
    enum dns_status status; /* of the last query that was answered */
    bool open;              /* a query has no answer yet */
};

enum name_state {
    NAME_NEW,   /* no answer yet */
    NAME_GOOD,  /* the last look-up succeeded */
    NAME_FAILED /* it failed; `known` is as it was before */
};

/* Invariant: a name has a watch, an open query, or is calling its watches. revision and n are 0 in NAME_NEW; in the other
 * states revision is not, and n is not in NAME_GOOD. There is a reason in NAME_FAILED. I6: a part has at most
 * DNS_RECORDS_MAX records. */
struct name {
    struct name *next;
    struct resolver *resolver;
    char host[DNS_NAME_MAX];
    bool is_service;
    enum name_state state;
    struct part parts[KINDS]; /* IPv4 and IPv6; or services, and nothing */
    union dns_record *known;  /* what watches see: sorted, each once */
    uint32_t n;
    double ttl;        /* seconds: the least of the answers of this look-up */
    uint32_t failures; /* in a row */
    char reason[REASON_MAX];
    ev_timer timer; /* while queries are open: the grace; else: the next look-up */
    struct name_watch *watches;
    uint32_t revision; /* of known and of the state; 0: no look-up has ended */
    bool has_news;     /* is in the resolver's list `news` */
    struct name *next_news;
    bool is_notifying;
};

/* --- the timer --------------------------------------------------------------------------------- */

static void set_timer(struct name *name, double after)
{
    struct ev_loop *loop = name->resolver->loop;
    ev_timer_stop(loop, &name->timer);
    ev_timer_set(&name->timer, after, 0);
    ev_timer_start(loop, &name->timer);
}

static double within(double seconds, double least, double most)
{
    return seconds < least ? least : seconds > most ? most : seconds;
}

/* A little later than the records live, by chance, so that workers do not query all at once. */
static double next_look(const struct name *name)
{
    const struct resolver_settings *s = &name->resolver->settings;
    return within(name->ttl, s->least, s->most) * (1.0 + 0.1 * drand48());
}

static double next_retry(const struct name *name)
{
    const struct resolver_settings *s = &name->resolver->settings;
    double most = s->most < RETRY_MOST ? s->most : RETRY_MOST;
    unsigned doublings = name->failures < 16 ? name->failures - 1 : 15;
    return within(ldexp(s->least, (int)doublings), s->least, most) * (0.75 + 0.5 * drand48());
}

/* --- watches are called ------------------------------------------------------------------------ */

static bool is_querying(const struct name *name)
{
    return name->parts[0].open || name->parts[1].open;
}

static bool name_sane(const struct name *name)
{
    if ((name->state == NAME_NEW) != (name->revision == 0)) return false;
    if (name->state == NAME_NEW && name->n > 0) return false;
    if (name->state == NAME_GOOD && name->n == 0) return false;
    return (name->state == NAME_FAILED) == (name->failures > 0);
}

static void name_destroy(struct name *name)
{
    struct resolver *r = name->resolver;
    assert(!name->watches && !is_querying(name) && !name->is_notifying);
    for (struct name **at = &r->first; *at; at = &(*at)->next) {
        if (*at != name) continue;
        *at = name->next;
        break;
    }
    for (struct name **at = &r->news; *at; at = &(*at)->next_news) {
        if (*at != name) continue;
        *at = name->next_news;
        break;
    }
    ev_timer_stop(r->loop, &name->timer);
    for (int i = 0; i < KINDS; i++) free(name->parts[i].records);
    free(name->known);
    slab_return(name, sizeof *name);
}

/* An open query points to the name: its answer comes first. */
static void name_drop_unused(struct name *name)
{
    if (!name->watches && !is_querying(name) && !name->is_notifying) name_destroy(name);
}

/* Calls one watch, with a copy of the records: as an array of their kind, and with the port of the watch. The copy outlives
 * the call, in which the owner may give the watch back, and with it the name. */
static void notify_watch(struct name_watch *w)
{
    const struct name *name = w->name;
    struct name_news news = {.n = name->n, .failure = name->reason[0] ? name->reason : NULL};
    size_t size = name->is_service ? sizeof(struct dns_srv) : sizeof(struct addr);
    uint8_t *all = name->n ? slab_borrow(size * name->n) : NULL;
    uint32_t n = name->n; /* the name may be gone after the call */
    assert(name->revision > 0 && (name->n > 0 || name->reason[0]));
    for (uint32_t i = 0; i < n; i++) memcpy(all + size * i, &name->known[i], size);
    if (name->is_service) {
        news.srvs = (const void *)all;
    } else {
        struct addr *addrs = (void *)all;
        for (uint32_t i = 0; i < n; i++) addr_set_port(&addrs[i], w->port);
        news.addrs = addrs;
    }
    w->seen = name->revision;
    w->notify(w->owner, &news);
    if (all) slab_return(all, size * n);
}

/* Owners may take and give back watches in the call, so the list starts over after each. */
static void notify_watches(struct name *name)
{
    struct name_watch *w = name->watches;
    name->is_notifying = true;
    while (w) {
        if (w->seen == name->revision) {
            w = w->next;
            continue;
        }
        notify_watch(w);
        w = name->watches;
    }
    name->is_notifying = false;
    name_drop_unused(name);
}

static void on_notify(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct resolver *r = timer->data;
    (void)events;
    ev_timer_stop(loop, timer);
    while (r->news) {
        struct name *name = r->news;
        r->news = name->next_news;
        name->has_news = false;
        notify_watches(name);
    }
}

/* Answers come from within c-ares, and owners must not be called there: the loop calls them. */
static void announce(struct name *name)
{
    struct resolver *r = name->resolver;
    name->revision++;
    if (name->has_news) return;
    name->has_news = true;
    name->next_news = r->news;
    r->news = name;
    ev_timer_start(r->loop, &r->notify_timer);
}

/* --- settling ---------------------------------------------------------------------------------- */

/* Takes over records, which are sorted. True when the set has changed. */
static bool take_known(struct name *name, union dns_record *records, uint32_t n)
{
    if (n == name->n && memcmp(records, name->known, n * sizeof *records) == 0) {
        free(records);
        return false;
    }
    free(name->known);
    name->known = records;
    name->n = n;
    return true;
}

/* Makes `known` of both parts. A part whose last query failed still has the records of the answer before. */
static bool merge_parts(struct name *name)
{
    uint32_t n = 0, all = name->parts[0].n + name->parts[1].n;
    union dns_record *records = calloc(all ? all : 1, sizeof *records);
    if (!records) abort();
    for (int i = 0; i < KINDS; i++) {
        const struct part *part = &name->parts[i];
        if (part->n) memcpy(records + n, part->records, part->n * sizeof *records);
        n += part->n;
    }
    return take_known(name, records, dns_sort(records, n));
}

static void settle_good(struct name *name)
{
    char text[DNS_LIST_MAX];
    bool was_failing = name->state == NAME_FAILED, was_new = name->n == 0;
    bool changed = merge_parts(name);
    name->state = NAME_GOOD;
    name->failures = 0;
    name->reason[0] = '\0';
    dns_list(name->known, name->n, name->is_service, text);
    if (was_failing)
        log_info("name %s: resolved again: %s", name->host, text);
    else if (changed && !was_new)
        log_info("name %s: changed: %s", name->host, text);
    else if (changed)
        log_debug("name %s: resolved: %s", name->host, text);
    if (changed || was_failing) announce(name);
}

/* Keeps `known`: the last good set stays in use. */
static void settle_failed(struct name *name)
{
    bool was_failing = name->state == NAME_FAILED;
    const char *what = name->is_service ? "record" : "address";
    name->state = NAME_FAILED;
    name->failures++;
    if (!was_failing && name->n)
        log_warn("name %s: not resolved: %s; keeps the last answer (%u %s%s)", name->host,
                 name->reason, name->n, what,
                 name->n == 1       ? ""
                 : name->is_service ? "s"
                                    : "es");
    else if (!was_failing)
        log_warn("name %s: not resolved: %s; retrying", name->host, name->reason);
    if (!was_failing) announce(name);
}

/* Ends a look-up: all answers have come, or the grace of the first good one is over. One good kind is enough. In the second
 * case the look-up ends again when the other answer comes. */
static void settle(struct name *name)
{
    assert(name_sane(name));
    bool good = false;
    for (int i = 0; i < KINDS; i++)
        if (name->parts[i].status == DNS_GOOD && !name->parts[i].open) good = true;
    if (good)
        settle_good(name);
    else
        settle_failed(name);
    assert(name_sane(name));
    if (!is_querying(name)) set_timer(name, good ? next_look(name) : next_retry(name));
}

/* --- queries ----------------------------------------------------------------------------------- */

/* The part of SRV is the first, like that of IPv4. */
static struct part *part_of(struct name *name, enum dns_kind kind)
{
    return &name->parts[kind == DNS_IPV6];
}

/* Keeps the more useful reason of the two kinds: that of a failure, rather than that a record does not exist. */
static void note_reason(struct name *name, const struct part *part, const char *reason)
{
    const struct part *other = &name->parts[part == &name->parts[0]];
    bool other_says = !other->open && other->status == DNS_FAILED && !name->is_service;
    if (part->status == DNS_FAILED || !other_says)
        snprintf(name->reason, sizeof name->reason, "%s", reason);
}

static void note_answer(struct name *name, enum dns_kind kind, const struct dns_answer *a)
{
    struct part *part = part_of(name, kind);
    assert((a->status == DNS_GOOD) == (a->n > 0) && a->n <= DNS_RECORDS_MAX);
    part->open = false;
    part->status = a->status;
    if (a->status == DNS_FAILED) {
        note_reason(name, part, a->reason);
        return;
    }
    free(part->records);
    part->records = NULL;
    part->n = a->n;
    if (a->status == DNS_EMPTY) {
        note_reason(name, part, a->reason);
        return;
    }
    part->records = calloc(a->n, sizeof *part->records);
    if (!part->records) abort();
    memcpy(part->records, a->records, a->n * sizeof *part->records);
    if (a->ttl < name->ttl) name->ttl = a->ttl;
}

/* Called from within c-ares, perhaps before dns_query returns. */
static void on_answer(void *owner, enum dns_kind kind, const struct dns_answer *a)
{
    struct name *name = owner;
    note_answer(name, kind, a);
    if (!name->watches)
        name_drop_unused(name);
    else if (!is_querying(name))
        settle(name);
    else if (a->status == DNS_GOOD)
        set_timer(name, GRACE);
}

/* The answer of /etc/hosts has both kinds of address: it replaces both parts. */
static void on_hosts_answer(void *owner, enum dns_kind kind, const struct dns_answer *a)
{
    struct name *name = owner;
    name->parts[1].n = 0;
    on_answer(owner, kind, a);
}

/* Starts a look-up. The answer may come before this returns. Both parts are marked open before the first query, or an
 * answer that comes at once would end the look-up without the other kind. */
static void name_query(struct name *name)
{
    struct dns *dns = &name->resolver->dns;
    assert(!is_querying(name) && name->watches);
    name->ttl = INT32_MAX;
    name->parts[0].open = true;
    name->parts[1].status = DNS_EMPTY;
    if (name->is_service) {
        dns_query(dns, name->host, DNS_SRV, on_answer, name);
        return;
    }
    if (dns_query_hosts(dns, name->host, on_hosts_answer, name)) return;
    name->parts[1].open = true;
    dns_query(dns, name->host, DNS_IPV4, on_answer, name);
    dns_query(dns, name->host, DNS_IPV6, on_answer, name);
}

/* While queries are open, the timer is the grace; otherwise the next look-up is due. */
static void on_name_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct name *name = timer->data;
    (void)loop;
    (void)events;
    if (is_querying(name))
        settle(name);
    else
        name_query(name);
}

/* --- watches ----------------------------------------------------------------------------------- */

static struct name *name_find(struct resolver *r, const char *host, bool is_service)
{
    for (struct name *name = r->first; name; name = name->next)
        if (name->is_service == is_service && strcasecmp(name->host, host) == 0) return name;
    return NULL;
}

static struct name *name_create(struct resolver *r, const char *host, bool is_service)
{
    struct name *name = slab_borrow(sizeof *name);
    *name = (struct name){.next = r->first, .resolver = r, .is_service = is_service};
    snprintf(name->host, sizeof name->host, "%s", host);
    ev_init(&name->timer, on_name_timer);
    name->timer.data = name;
    r->first = name;
    return name;
}

static struct name_watch *watch(struct resolver *r, const char *host, bool is_service,
                                const struct name_watch *wanted)
{
    struct name_watch *w = slab_borrow(sizeof *w);
    struct name *name = r->loop ? name_find(r, host, is_service) : NULL;
    bool is_new = !name;
    *w = *wanted;
    if (!r->loop) return w;
    if (!name) name = name_create(r, host, is_service);
    w->name = name;
    w->next = name->watches;
    name->watches = w;
    if (is_new) name_query(name);
    if (name->revision) notify_watch(w);
    return w;
}

struct name_watch *resolver_watch(struct resolver *r, const char *host, uint16_t port,
                                  name_news_fn *notify, void *owner)
{
    return watch(r, host, false,
                 &(struct name_watch){.notify = notify, .owner = owner, .port = port});
}

struct name_watch *resolver_watch_srv(struct resolver *r, const char *service, name_news_fn *notify,
                                      void *owner)
{
    return watch(r, service, true, &(struct name_watch){.notify = notify, .owner = owner});
}

void resolver_unwatch(struct name_watch *w)
{
    struct name *name = w->name;
    for (struct name_watch **at = name ? &name->watches : NULL; at && *at; at = &(*at)->next) {
        if (*at != w) continue;
        *at = w->next;
        break;
    }
    slab_return(w, sizeof *w);
    if (name) name_drop_unused(name);
}

void resolver_init(struct resolver *r, struct ev_loop *loop,
                   const struct resolver_settings *settings)
{
    *r = (struct resolver){.loop = loop, .settings = *settings};
    if (!loop) return;
    ev_timer_init(&r->notify_timer, on_notify, 0, 0);
    r->notify_timer.data = r;
    dns_init(&r->dns, loop, &settings->dns);
}

/* c-ares answers all open queries with an error, and each name without watches is freed then. */
void resolver_release(struct resolver *r)
{
    if (!r->loop) return;
    dns_release(&r->dns);
    assert(!r->first);
    ev_timer_stop(r->loop, &r->notify_timer);
}
