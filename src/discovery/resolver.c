#include "discovery/resolver.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/slab.h"

/* How long the first answer of one kind of address waits for the other kind: servers that never answer for IPv6 exist. */
static const double GRACE = 0.2;
static const double RETRY_MOST = 30.0; /* seconds between look-ups that fail, if settings allow */

enum { KINDS = 2, REASON_MAX = 120 };

/* Of one kind of record. */
struct part {
    union dns_record *records; /* of the last answer that was one */
    uint32_t n;
    enum dns_status status; /* of the last question */
    bool asked;             /* and not answered yet */
};

enum name_state {
    NAME_NEW,   /* no answer yet */
    NAME_GOOD,  /* the last look-up went well */
    NAME_FAILED /* it did not; `known` is what it was before */
};

/* Invariant: watches or an open question keep it; n == 0 in NAME_NEW. */
struct name {
    struct name *next;
    struct resolver *resolver;
    char host[DNS_NAME_MAX];
    bool is_service;
    enum name_state state;
    struct part parts[KINDS]; /* IPv4 and IPv6; or services, and nothing */
    union dns_record *known;  /* what watches were told last */
    uint32_t n;
    double ttl; /* the least of the answers to the questions asked last */
    uint32_t failures;
    char reason[REASON_MAX];
    ev_timer timer; /* while questions are open: the grace; else: the next look-up */
    struct name_watch *watches;
    uint32_t revision; /* of what there is to tell; 0: nothing */
    bool has_news;     /* is in the resolver's list */
    struct name *next_news;
    bool is_telling;
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

/* A little later than the records live, by chance, so that workers do not ask all at once. */
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

/* --- telling ----------------------------------------------------------------------------------- */

static bool is_asking(const struct name *name)
{
    return name->parts[0].asked || name->parts[1].asked;
}

static void name_destroy(struct name *name)
{
    struct resolver *r = name->resolver;
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

/* A question that is open points here: its answer comes first. */
static void name_drop_unused(struct name *name)
{
    if (!name->watches && !is_asking(name) && !name->is_telling) name_destroy(name);
}

/* An array of what all records of a kind hold, with the port of the watch. */
static void tell_watch(struct name_watch *w)
{
    const struct name *name = w->name;
    struct name_news news = {.n = name->n, .failure = name->reason[0] ? name->reason : NULL};
    size_t size = name->is_service ? sizeof(struct dns_srv) : sizeof(struct addr);
    uint8_t *all = name->n ? slab_borrow(size * name->n) : NULL;
    uint32_t n = name->n; /* the owner may give the watch back, and with it the name's memory */
    for (uint32_t i = 0; i < n; i++) memcpy(all + size * i, &name->known[i], size);
    if (name->is_service) {
        news.srvs = (const void *)all;
    } else {
        struct addr *addrs = (void *)all;
        for (uint32_t i = 0; i < n; i++) addr_set_port(&addrs[i], w->port);
        news.addrs = addrs;
    }
    w->told = name->revision;
    w->tell(w->owner, &news);
    if (all) slab_return(all, size * n);
}

/* Owners may take and give back watches while they are told: the list is begun anew after each. */
static void tell_watches(struct name *name)
{
    struct name_watch *w = name->watches;
    name->is_telling = true;
    while (w) {
        if (w->told == name->revision) {
            w = w->next;
            continue;
        }
        tell_watch(w);
        w = name->watches;
    }
    name->is_telling = false;
    name_drop_unused(name);
}

static void on_teller(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct resolver *r = timer->data;
    (void)events;
    ev_timer_stop(loop, timer);
    while (r->news) {
        struct name *name = r->news;
        r->news = name->next_news;
        name->has_news = false;
        tell_watches(name);
    }
}

/* Answers come from within c-ares, which owners must not be called from. */
static void announce(struct name *name)
{
    struct resolver *r = name->resolver;
    name->revision++;
    if (name->has_news) return;
    name->has_news = true;
    name->next_news = r->news;
    r->news = name;
    ev_timer_start(r->loop, &r->teller);
}

/* --- settling ---------------------------------------------------------------------------------- */

/* True when the set is another one than before. */
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

/* What all parts hold; a part whose last question failed holds the answer before. */
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

static void settle_failed(struct name *name)
{
    bool was_failing = name->state == NAME_FAILED;
    const char *what = name->is_service ? "record" : "address";
    name->state = NAME_FAILED;
    name->failures++;
    if (!was_failing && name->n)
        log_warn("name %s: not resolved: %s; the last answer (%u %s%s) goes on", name->host,
                 name->reason, name->n, what,
                 name->n == 1       ? ""
                 : name->is_service ? "s"
                                    : "es");
    else if (!was_failing)
        log_warn("name %s: not resolved: %s; asked again and again", name->host, name->reason);
    if (!was_failing) announce(name);
}

/* What the answers so far come to: all of them, or the first good one when its grace is over. */
static void settle(struct name *name)
{
    bool good = false;
    for (int i = 0; i < KINDS; i++)
        if (name->parts[i].status == DNS_GOOD && !name->parts[i].asked) good = true;
    if (good)
        settle_good(name);
    else
        settle_failed(name);
    if (!is_asking(name)) set_timer(name, good ? next_look(name) : next_retry(name));
}

/* --- asking ------------------------------------------------------------------------------------ */

static struct part *part_of(struct name *name, enum dns_kind kind)
{
    return &name->parts[kind == DNS_IPV6];
}

/* A failure says more than a missing record: its reason stays. */
static void note_reason(struct name *name, const struct part *part, const char *reason)
{
    const struct part *other = &name->parts[part == &name->parts[0]];
    bool other_says = !other->asked && other->status == DNS_FAILED && !name->is_service;
    if (part->status == DNS_FAILED || !other_says)
        snprintf(name->reason, sizeof name->reason, "%s", reason);
}

static void note_answer(struct name *name, enum dns_kind kind, const struct dns_answer *a)
{
    struct part *part = part_of(name, kind);
    part->asked = false;
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

/* May be called from within c-ares, and before the question's dns_ask returns. */
static void on_answer(void *owner, enum dns_kind kind, const struct dns_answer *a)
{
    struct name *name = owner;
    note_answer(name, kind, a);
    if (!name->watches)
        name_drop_unused(name);
    else if (!is_asking(name))
        settle(name);
    else if (a->status == DNS_GOOD)
        set_timer(name, GRACE);
}

/* Both kinds of address come in one answer. */
static void on_hosts_answer(void *owner, enum dns_kind kind, const struct dns_answer *a)
{
    struct name *name = owner;
    name->parts[1].n = 0;
    on_answer(owner, kind, a);
}

static void name_ask(struct name *name)
{
    struct dns *dns = &name->resolver->dns;
    name->ttl = INT32_MAX;
    name->parts[0].asked = true;
    name->parts[1].status = DNS_EMPTY;
    if (name->is_service) {
        dns_ask(dns, name->host, DNS_SRV, on_answer, name);
        return;
    }
    if (dns_ask_hosts(dns, name->host, on_hosts_answer, name)) return;
    name->parts[1].asked = true;
    dns_ask(dns, name->host, DNS_IPV4, on_answer, name);
    dns_ask(dns, name->host, DNS_IPV6, on_answer, name);
}

static void on_name_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct name *name = timer->data;
    (void)loop;
    (void)events;
    if (is_asking(name))
        settle(name);
    else
        name_ask(name);
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
    if (is_new) name_ask(name);
    if (name->revision) tell_watch(w);
    return w;
}

struct name_watch *resolver_watch(struct resolver *r, const char *host, uint16_t port,
                                  name_news_fn *tell, void *owner)
{
    return watch(r, host, false, &(struct name_watch){.tell = tell, .owner = owner, .port = port});
}

struct name_watch *resolver_watch_srv(struct resolver *r, const char *service, name_news_fn *tell,
                                      void *owner)
{
    return watch(r, service, true, &(struct name_watch){.tell = tell, .owner = owner});
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
    ev_timer_init(&r->teller, on_teller, 0, 0);
    r->teller.data = r;
    dns_init(&r->dns, loop, &settings->dns);
}

/* Names whose questions are open go when c-ares says that there will be no answer. */
void resolver_release(struct resolver *r)
{
    if (!r->loop) return;
    dns_release(&r->dns);
    assert(!r->first);
    ev_timer_stop(r->loop, &r->teller);
}
