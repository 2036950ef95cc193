/* Discovery: from a URL to the servers of a pool, while it changes.
 *
 * A pool gives a URL, and this floor keeps a list of servers for it. Where the list comes from is the business of a source:
 * DNS records (discovery_names.c, over resolver.c), a file (discovery_file.c), the configuration endpoint of a managed
 * cluster (discovery_elasticache.c), keys of etcd (discovery_etcd.c). When the list is replaced, and by what, is decided here alone, so the rules are the
 * same for all kinds.
 *
 * The path of a list:
 *
 * 1. A source reads an answer into a struct discovered_list and calls discovery_found, or discovery_failed with a reason.
 *    It may do so at any time and repeat itself.
 * 2. discovered_settle sorts the list and refuses what cannot be a pool: no server, too many, one name for two servers.
 *    Sorting makes equal memberships equal as bytes, whatever the order of the records in an answer. That order is never
 *    passed on: a placement that counts positions would move keys with it.
 * 3. The first list is adopted at once: a pool without servers is worse than any list.
 * 4. A later list that differs is held back (`pending`) until it has been the answer for the debounce time. Records are
 *    often changed one by one, and each step would move keys. A list that differs from the pending one restarts the timer,
 *    but a membership that never comes to rest is adopted after DEBOUNCE_MOST debounce times. If the current list comes
 *    back first, the pending one is dropped.
 * 5. adopt refuses a list without more than half of the servers, unless the settings allow it: this is more often a fault of
 *    the source than the truth. A refused list stays pending, so the refusal is logged once, not with each answer.
 * 6. Listeners (pools) are called from the loop, by notify_timer, and never from within a source: a listener may drop its
 *    reference, and with it the source that is still at work. For the same reason the search for the next listener starts
 *    over after each call.
 *
 * What happens when an answer is
 *
 * - empty: discovered_settle refuses it, and it counts as a failure.
 * - wrong (does not parse, port 0, half of a file): a failure. A list is adopted whole or not at all; but a key of etcd is written for
 *   itself, by the server that it is about, so one that is wrong is left out, and the failure names it (discovery_found_part).
 * - late, or never comes: the source has its own timeout and its own retries; here nothing changes.
 *
 * What must never happen: a failure that takes servers away. The last good list stays for as long as the process lives, and
 * across reloads: the new script takes a reference before the old one drops its own, or, with other settings, starts from
 * the list that is known. A failure is logged when its reason changes, not each time. Nobody waits for a list: until the
 * first one has come, a pool answers that it has no server yet, and a new script may wait for discoveries_open to be 0 for
 * a limited time.
 *
 * Files call downwards only: discovery_kinds.c says how. Without a loop (a script is only checked) only files are read, once.
 */
#include "discovery/discovery.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/process.h"
#include "base/slab.h"
#include "discovery/discovery_source.h"

/* A list that keeps changing is adopted after this many debounce times. */
static const double DEBOUNCE_MOST = 10;

struct discovery_listener {
    struct discovery_listener *next;
    struct discovery *discovery;
    discovery_news_fn *notify;
    void *owner;
    uint32_t seen; /* the revision of the list that it was last called with */
};

/* Invariant: there is a current list when revision > 0, and only then, and then is_answered. The debounce timer runs, or
 * its callback is due, while pending_since is set, and only then. current and pending are settled, and differ. I6: neither
 * has more than DISCOVERED_MAX servers. */
struct discovery {
    struct discovery *next;
    struct discoveries *set;
    uint32_t references; /* the last discovery_give stops the source and frees the discovery */
    char url[DISCOVERY_URL_MAX];
    struct discovery_url parsed;
    struct discovery_settings settings;
    struct discovery_access access; /* settings points to it */
    const struct discovery_source *source;
    void *state; /* what source->start returned; NULL: it was not started */
    struct discovered_list current;
    struct discovered_list pending; /* newer: held back while the timer runs; else it was refused */
    double
        pending_since; /* process_clock of the first change that was not decided on; 0: there is none */
    uint32_t revision;                 /* of current; 0: there is none */
    bool is_answered;                  /* a list or a failure has come */
    char reason[DISCOVERY_REASON_MAX]; /* of the last failure, until a list comes */
    char refusal[100];                 /* why the pending list is refused, if it is */
    ev_timer debounce;
    struct discovery_listener *listeners;
};

static bool discovery_sane(const struct discovery *d)
{
    if ((d->revision > 0) != (d->current.n > 0)) return false;
    if (d->revision > 0 && !d->is_answered) return false;
    bool waits = ev_is_active(&d->debounce) || ev_is_pending(&d->debounce);
    return (d->pending_since > 0) == waits;
}

/* --- listeners --------------------------------------------------------------------------------- */

/* A listener that has not been called with the current list. */
static struct discovery_listener *find_behind(const struct discovery *d)
{
    struct discovery_listener *l = d->listeners;
    while (l && l->seen == d->revision) l = l->next;
    return l;
}

static struct discovery_listener *find_behind_of_all(const struct discoveries *set)
{
    struct discovery_listener *l = NULL;
    for (struct discovery *d = set->first; d && !l; d = d->next) l = find_behind(d);
    return l;
}

static void notify_one(struct discovery_listener *l)
{
    struct discovery *d = l->discovery;
    l->seen = d->revision;
    l->notify(l->owner, d->current.items, d->current.n);
}

/* A listener may take and give discoveries, and remove listeners. So the search starts over after each call. */
static void on_notify(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct discovery_listener *l;
    (void)events;
    ev_timer_stop(loop, timer);
    while ((l = find_behind_of_all(timer->data))) notify_one(l);
}

/* The source that found the list is still at work: listeners are called later, from the loop. */
static void announce(struct discovery *d)
{
    d->revision++;
    if (d->set->loop) ev_timer_start(d->set->loop, &d->set->notify_timer);
}

/* --- adopting a list --------------------------------------------------------------------------- */

static const char *plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

/* Moves a list: the content of *from, which is empty afterwards, replaces that of *to. */
static void replace(struct discovered_list *to, struct discovered_list *from)
{
    discovered_release(to);
    *to = *from;
    *from = (struct discovered_list){0};
}

/* Decides on the pending list. When it is refused it stays there: an equal answer is not a change, so it is not decided on
 * again. */
static void adopt(struct discovery *d)
{
    uint32_t n = d->pending.n, was = d->current.n;
    assert(n > 0 && n <= DISCOVERED_MAX && !ev_is_active(&d->debounce));
    d->pending_since = 0;
    if (was && !d->settings.shrink && discovered_shrinks(&d->current, &d->pending)) {
        snprintf(d->refusal, sizeof d->refusal,
                 "refused: %u servers would shrink to %u; discover_shrink = true allows it", was,
                 n);
        log_warn("discovery %s: %s; keeps the last %u", d->url, d->refusal, was);
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

/* Until the list has been the same for the debounce time, but not for ever. */
static void hold_back(struct discovery *d, struct discovered_list *list)
{
    struct ev_loop *loop = d->set->loop;
    assert(d->current.n > 0 && loop);
    double now = process_clock(), after = d->settings.debounce;
    if (d->pending_since == 0) d->pending_since = now;
    double left = d->pending_since + DEBOUNCE_MOST * after - now;
    replace(&d->pending, list);
    ev_timer_stop(loop, &d->debounce);
    ev_timer_set(&d->debounce, left < after ? (left > 0 ? left : 0) : after, 0);
    ev_timer_start(loop, &d->debounce);
}

/* An answer that is usable ends a failure, also when the list has not changed. Checks of a script do not log. */
static void note_success(struct discovery *d, const char *missing)
{
    d->is_answered = true;
    if (missing) {
        if (strncmp(d->reason, missing, sizeof d->reason - 1) == 0) return;
        snprintf(d->reason, sizeof d->reason, "%s", missing);
        if (d->set->loop) log_warn("discovery %s: %s", d->url, d->reason);
        return;
    }
    if (d->reason[0] && d->set->loop) log_info("discovery %s: recovered", d->url);
    d->reason[0] = '\0';
}

/* The current list again, the first one, or a change. A list equal to the pending one goes on waiting, or stays refused. */
void discovery_found_part(struct discovery *d, struct discovered_list *list, const char *missing)
{
    assert(discovery_sane(d) && (!missing || missing[0]));
    const char *wrong = discovered_settle(list);
    if (wrong) {
        discovery_failed(d, wrong);
        discovered_release(list);
        return;
    }
    note_success(d, missing);
    if (discovered_equal(list, &d->current)) {
        if (d->set->loop) ev_timer_stop(d->set->loop, &d->debounce);
        d->pending_since = 0;
        discovered_release(&d->pending);
    } else if (d->current.n == 0 || !d->set->loop) { /* a check of a script does not wait */
        replace(&d->pending, list);
        adopt(d);
    } else if (!discovered_equal(list, &d->pending)) {
        hold_back(d, list);
    }
    discovered_release(list);
    assert(discovery_sane(d));
}

void discovery_found(struct discovery *d, struct discovered_list *list)
{
    discovery_found_part(d, list, NULL);
}

void discovery_failed(struct discovery *d, const char *reason)
{
    assert(reason[0] && discovery_sane(d));
    d->is_answered = true;
    if (strncmp(d->reason, reason, sizeof d->reason - 1) == 0) return;
    snprintf(d->reason, sizeof d->reason, "%s", reason);
    if (!d->set->loop) return;
    if (d->current.n)
        log_warn("discovery %s: failed: %s; keeps the last %u server%s", d->url, d->reason,
                 d->current.n, plural(d->current.n));
    else
        log_warn("discovery %s: failed: %s; retrying", d->url, d->reason);
}

/* --- for sources ------------------------------------------------------------------------------- */

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

/* Discoveries with other settings cannot be shared: the debounce and the rule for shrinking are part of what a pool gets. */
static bool settings_equal(const struct discovery_settings *a, const struct discovery_settings *b)
{
    static const struct discovery_access none;
    return a->interval == b->interval && a->timeout == b->timeout && a->debounce == b->debounce &&
           a->shrink == b->shrink &&
           access_equal(a->access ? a->access : &none, b->access ? b->access : &none);
}

/* A discovery of the same URL with other settings starts with the list that is known: a reload that changes an option loses no
 * server. */
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

static struct discovery *discovery_create(struct discoveries *set, const char *url,
                                          const struct discovery_url *parsed,
                                          const struct discovery_settings *settings,
                                          const struct discovery_source *source)
{
    struct discovery *d = slab_borrow(sizeof *d);
    *d = (struct discovery){.set = set, .parsed = *parsed, .settings = *settings, .source = source};
    snprintf(d->url, sizeof d->url, "%s", url);
    if (settings->access) access_copy(&d->access, settings->access);
    d->settings.access = &d->access;
    ev_timer_init(&d->debounce, on_debounce, 0, 0);
    d->debounce.data = d;
    begin_with_known(d);
    d->next = set->first;
    set->first = d;
    if (set->loop || parsed->kind == DISCOVERY_FILE) d->state = source->start(d);
    assert(discovery_sane(d));
    return d;
}

struct discovery *discovery_share(struct discoveries *set, const char *url,
                                  const struct discovery_url *parsed,
                                  const struct discovery_settings *settings,
                                  const struct discovery_source *source)
{
    struct discovery *d = set->first;
    while (d && !(strcmp(d->url, url) == 0 && settings_equal(&d->settings, settings))) d = d->next;
    if (!d) d = discovery_create(set, url, parsed, settings, source);
    assert(d->source == source);
    d->references++;
    return d;
}

void discovery_give(struct discovery *d)
{
    assert(d->references > 0 && discovery_sane(d));
    if (--d->references) return;
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
    access_release(&d->access);
    slab_return(d, sizeof *d);
}

/* The listener may pause (base/job.h), and the loop bring a newer list meanwhile. on_notify must not call it then, so it comes among
 * the others once it has the current list. */
struct discovery_listener *discovery_listen(struct discovery *d, discovery_news_fn *notify,
                                            void *owner)
{
    struct discovery_listener *l = slab_borrow(sizeof *l);
    *l = (struct discovery_listener){.discovery = d, .notify = notify, .owner = owner};
    while (l->seen != d->revision) notify_one(l);
    l->next = d->listeners;
    d->listeners = l;
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
    if (d->pending.n && d->pending_since == 0) return d->refusal;
    return d->revision ? NULL : "no answer yet";
}

void discoveries_init(struct discoveries *set, struct ev_loop *loop, struct resolver *resolver)
{
    *set = (struct discoveries){.loop = loop, .resolver = resolver};
    ev_timer_init(&set->notify_timer, on_notify, 0, 0);
    set->notify_timer.data = set;
}

void discoveries_release(struct discoveries *set)
{
    assert(!set->first);
    if (set->loop) ev_timer_stop(set->loop, &set->notify_timer);
}

/* A list that no listener has been called with counts as open: a script that waits for it must see it in its pools. */
uint32_t discoveries_open(const struct discoveries *set)
{
    uint32_t open = 0;
    for (const struct discovery *d = set->first; d; d = d->next)
        open += !d->is_answered || find_behind(d);
    return open;
}
