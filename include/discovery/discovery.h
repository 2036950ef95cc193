/* discovery: the servers of a pool, from DNS, a file or a configuration endpoint, and their changes.
 *
 * One set for each worker. A discovery has a reference count: pools that name the same URL with the same settings share it,
 * also across a reload, and the last discovery_give frees it. A failure never empties a list. A change is held back until it
 * has lasted; a list without more than half of the servers is refused unless the settings allow it. discovery.c says why.
 */
#ifndef MOONGATE_DISCOVERY_DISCOVERY_H
#define MOONGATE_DISCOVERY_DISCOVERY_H

#include "discovery/access.h"
#include "discovery/discovered.h"
#include "discovery/resolver.h"

struct discovery_settings {
    double interval; /* seconds between requests to a configuration endpoint, or checks of etcd */
    double timeout;  /* seconds for a response to those */
    double debounce; /* seconds that a change must last */
    bool shrink;     /* may lose more than half at once */
    const struct discovery_access *access; /* of etcd; NULL: none. Copied by who keeps it */
};

/* What a script gets that sets none of them. */
static const struct discovery_settings discovery_settings_default = {
    .interval = 10, .timeout = 3, .debounce = 0.5};

enum { DISCOVERY_URL_MAX = 600, DISCOVERY_REASON_MAX = 320 };

struct discovery;

struct discoveries {
    struct ev_loop *loop; /* NULL: a script is only checked: files are read once, nothing else is */
    struct resolver *resolver; /* the worker's */
    struct discovery *first;
    ev_timer notify_timer;
};

/* Called from the loop with the whole list, sorted, each time it has changed, never while it runs. n > 0; the servers are valid
 * until it pauses or returns. May call all functions here. */
typedef void discovery_news_fn(void *owner, const struct server_spec *servers, uint32_t n);

struct discovery_listener;

void discoveries_init(struct discoveries *set, struct ev_loop *loop, struct resolver *resolver);

/* All references must have been given back. */
void discoveries_release(struct discoveries *set);

/* How many have neither a list nor a failure yet, or a list that listeners have not been called with. */
uint32_t discoveries_open(const struct discoveries *set);

/* NULL, and *out with a reference for the caller; or a sentence that says what is wrong with the URL, static or thread-local. */
const char *discovery_take(struct discoveries *set, const char *url, size_t len,
                           const struct discovery_settings *settings, struct discovery **out);

/* Drops a reference; the last one frees d, which has no listener then. */
void discovery_give(struct discovery *d);

/* Calls notify before it returns when there is a list already, and from then on for each change, until discovery_unlisten,
 * which frees the listener. */
struct discovery_listener *discovery_listen(struct discovery *d, discovery_news_fn *notify,
                                            void *owner);
void discovery_unlisten(struct discovery_listener *l);

const char *discovery_url(const struct discovery *d);

/* Why there is no list yet, or why the last answer failed or is refused; NULL when all is well. Valid until the next answer. */
const char *discovery_failure(const struct discovery *d);

#endif
