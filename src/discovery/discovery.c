#include "discovery/discovery.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/slab.h"
#include "discovery/discovery_source.h"

/* A list that changes all the time is taken over after so many debounce times all the same. */
static const double DEBOUNCE_MOST = 10;

struct discovery_listener {
    struct discovery_listener *next;
    struct discovery *discovery;
    discovery_news_fn *tell;
    void *owner;
    uint32_t told; /* the revision of the list that it was told */
};

/* Invariant: current.n > 0 when revision > 0; current and pending are settled and differ. */
struct discovery {
    struct discovery *next;
    struct discoveries *set;
    uint32_t counts;
    char url[DISCOVERY_URL_MAX];
    struct discovery_url parsed;
    struct discovery_settings settings;
    const struct discovery_source *source;
    void *state; /* the source's */
    struct discovered_list current;
    struct discovered_list pending; /* found later: held back while the timer runs, else refused */
    double pending_since; /* ev_now of the first change that is not decided on yet; 0: none */
    uint32_t revision;    /* of current; 0: there is none */
    bool is_answered;     /* a list or a failure came */
    char reason[DISCOVERY_REASON_MAX]; /* of the last failure, until a list comes */
    ev_timer debounce;
    struct discovery_listener *listeners;
};

/* --- telling ----------------------------------------------------------------------------------- */

static struct discovery_listener *has_untold(const struct discovery *d)
{
    struct discovery_listener *l = d->listeners;
    while (l && l->told == d->revision) l = l->next;
    return l;
}

static struct discovery_listener *find_untold(const struct discoveries *set)
{
    struct discovery_listener *l = NULL;
    for (struct discovery *d = set->first; d && !l; d = d->next) l = has_untold(d);
    return l;
}

static void tell(struct discovery_listener *l)
{
    struct discovery *d = l->discovery;
    l->told = d->revision;
    l->tell(l->owner, d->current.items, d->current.n);
}

/* Listeners may take, give and take off whatever they like: who comes next is found anew each time. */
static void on_teller(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct discovery_listener *l;
    (void)events;
    ev_timer_stop(loop, timer);
    while ((l = find_untold(timer->data))) tell(l);
}

/* Sources are still at work when a list is taken over: listeners hear of it from the loop. */
static void announce(struct discovery *d)
{
    d->revision++;
    if (d->set->loop) ev_timer_start(d->set->loop, &d->set->teller);
}

/* --- taking over ------------------------------------------------------------------------------- */

static const char *plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

static void replace(struct discovered_list *to, struct discovered_list *from)
{
    discovered_release(to);
    *to = *from;
    *from = (struct discovered_list){0};
}

static void adopt(struct discovery *d)
{
    uint32_t n = d->pending.n, was = d->current.n;
    d->pending_since = 0;
    if (was && !d->settings.shrink && discovered_shrinks(&d->current, &d->pending)) {
        log_warn("discovery %s: refused: %u servers would shrink to %u; discover_shrink = true "
                 "allows it; the last %u go on",
                 d->url, was, n, was);
        return;
    }
    if (d->set->loop)
        log_info("discovery %s: %u server%s (%u new, %u gone)", d->url, n, plural(n),
                 discovered_beyond(&d->pending, &d->current),
                 discovered_beyond(&d->current, &d->pending));
    replace(&d->current, &d->pending);
    announce(d);
}

static void on_debounce(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    adopt(timer->data);
}

/* Until the change has lasted, but not for ever. */
static void hold_back(struct discovery *d, struct discovered_list *list)
{
    struct ev_loop *loop = d->set->loop;
    double now = ev_now(loop), after = d->settings.debounce;
    if (d->pending_since == 0) d->pending_since = now;
    double left = d->pending_since + DEBOUNCE_MOST * after - now;
    replace(&d->pending, list);
    ev_timer_stop(loop, &d->debounce);
    ev_timer_set(&d->debounce, left < after ? (left > 0 ? left : 0) : after, 0);
    ev_timer_start(loop, &d->debounce);
}

static void note_success(struct discovery *d)
{
    d->is_answered = true;
    if (d->reason[0] && d->set->loop) log_info("discovery %s: answered again", d->url);
    d->reason[0] = '\0';
}

void discovery_found(struct discovery *d, struct discovered_list *list)
{
    const char *wrong = discovered_settle(list);
    if (wrong) {
        discovery_failed(d, wrong);
        discovered_release(list);
        return;
    }
    note_success(d);
    if (discovered_equal(list, &d->current)) {
        if (d->set->loop) ev_timer_stop(d->set->loop, &d->debounce);
        d->pending_since = 0;
        discovered_release(&d->pending);
    } else if (d->current.n == 0) {
        replace(&d->pending, list);
        adopt(d);
    } else if (!discovered_equal(list, &d->pending)) {
        hold_back(d, list);
    }
    discovered_release(list);
}

void discovery_failed(struct discovery *d, const char *reason)
{
    d->is_answered = true;
    if (strncmp(d->reason, reason, sizeof d->reason - 1) == 0) return;
    snprintf(d->reason, sizeof d->reason, "%s", reason);
    if (!d->set->loop) return;
    if (d->current.n)
        log_warn("discovery %s: failed: %s; the last %u server%s go on", d->url, d->reason,
                 d->current.n, plural(d->current.n));
    else
        log_warn("discovery %s: failed: %s; asked again and again", d->url, d->reason);
}

/* --- what sources may know --------------------------------------------------------------------- */

const struct discovery_url *discovery_parsed(const struct discovery *d)
{
    return &d->parsed;
}

const struct discovery_settings *discovery_settings_of(const struct discovery *d)
{
    return &d->settings;
}

struct discoveries *discovery_set(const struct discovery *d)
{
    return d->set;
}

/* --- life -------------------------------------------------------------------------------------- */

static const struct discovery_source *source_of(enum discovery_kind kind)
{
    switch (kind) {
    case DISCOVERY_SRV: return &discovery_from_srv;
    case DISCOVERY_DNS: return &discovery_from_dns;
    case DISCOVERY_FILE: return &discovery_from_file;
    default: return &discovery_from_elasticache;
    }
}

static bool settings_equal(const struct discovery_settings *a, const struct discovery_settings *b)
{
    return a->interval == b->interval && a->timeout == b->timeout && a->debounce == b->debounce &&
           a->shrink == b->shrink;
}

/* One with other settings begins with the list that is known: a reload that changes an option loses no server. */
static void begin_with_known(struct discovery *d)
{
    for (const struct discovery *other = d->set->first; other; other = other->next) {
        if (strcmp(other->url, d->url) != 0 || !other->current.n) continue;
        discovered_copy(&d->current, &other->current);
        d->revision = 1;
        d->is_answered = true;
        return;
    }
}

static struct discovery *discovery_create(struct discoveries *set, const char *url, size_t len,
                                          const struct discovery_url *parsed,
                                          const struct discovery_settings *settings)
{
    struct discovery *d = slab_borrow(sizeof *d);
    *d = (struct discovery){.set = set, .parsed = *parsed, .settings = *settings};
    memcpy(d->url, url, len);
    ev_timer_init(&d->debounce, on_debounce, 0, 0);
    d->debounce.data = d;
    begin_with_known(d);
    d->next = set->first;
    set->first = d;
    d->source = source_of(parsed->kind);
    if (set->loop || parsed->kind == DISCOVERY_FILE) d->state = d->source->start(d);
    return d;
}

const char *discovery_take(struct discoveries *set, const char *url, size_t len,
                           const struct discovery_settings *settings, struct discovery **out)
{
    struct discovery_url parsed;
    if (len >= DISCOVERY_URL_MAX) return "the URL is longer than 599 bytes";
    const char *wrong = discovery_url_parse(&parsed, url, len);
    if (wrong) return wrong;
    struct discovery *d = set->first;
    while (d && !(strlen(d->url) == len && memcmp(d->url, url, len) == 0 &&
                  settings_equal(&d->settings, settings)))
        d = d->next;
    if (!d) d = discovery_create(set, url, len, &parsed, settings);
    d->counts++;
    *out = d;
    return NULL;
}

void discovery_give(struct discovery *d)
{
    assert(d->counts > 0);
    if (--d->counts) return;
    assert(!d->listeners);
    for (struct discovery **at = &d->set->first; *at; at = &(*at)->next) {
        if (*at != d) continue;
        *at = d->next;
        break;
    }
    if (d->state) d->source->stop(d->state);
    if (d->set->loop) ev_timer_stop(d->set->loop, &d->debounce);
    discovered_release(&d->current);
    discovered_release(&d->pending);
    slab_return(d, sizeof *d);
}

struct discovery_listener *discovery_listen(struct discovery *d, discovery_news_fn *tell_owner,
                                            void *owner)
{
    struct discovery_listener *l = slab_borrow(sizeof *l);
    *l = (struct discovery_listener){
        .next = d->listeners, .discovery = d, .tell = tell_owner, .owner = owner};
    d->listeners = l;
    if (d->revision) tell(l);
    return l;
}

void discovery_unlisten(struct discovery_listener *l)
{
    for (struct discovery_listener **at = &l->discovery->listeners; *at; at = &(*at)->next) {
        if (*at != l) continue;
        *at = l->next;
        break;
    }
    slab_return(l, sizeof *l);
}

const char *discovery_url(const struct discovery *d)
{
    return d->url;
}

const char *discovery_failure(const struct discovery *d)
{
    if (d->reason[0]) return d->reason;
    return d->revision ? NULL : "no answer yet";
}

void discoveries_init(struct discoveries *set, struct ev_loop *loop, struct resolver *resolver)
{
    *set = (struct discoveries){.loop = loop, .resolver = resolver};
    ev_timer_init(&set->teller, on_teller, 0, 0);
    set->teller.data = set;
}

void discoveries_release(struct discoveries *set)
{
    assert(!set->first);
    if (set->loop) ev_timer_stop(set->loop, &set->teller);
}

uint32_t discoveries_open(const struct discoveries *set)
{
    uint32_t open = 0;
    for (const struct discovery *d = set->first; d; d = d->next)
        open += !d->is_answered || has_untold(d);
    return open;
}
