/* discovery: who belongs to a pool, as DNS, a file or a configuration endpoint says, and the changes of that.
 *
 * One set a worker. A discovery is counted and shared by who names the same URL with the same settings, so that the script
 * that a reload brings takes over the current list. A list, once there, is never emptied by a failure; changes of it are held
 * back until they last; one that loses more than half of the servers is refused unless the settings allow it.
 */
#ifndef MOONGATE_DISCOVERY_DISCOVERY_H
#define MOONGATE_DISCOVERY_DISCOVERY_H

#include "discovery/discovered.h"
#include "discovery/resolver.h"

struct discovery_settings {
    double interval; /* seconds between questions to a configuration endpoint */
    double timeout;  /* seconds that it has for its answer */
    double debounce; /* seconds that a change must last */
    bool shrink;     /* may lose more than half at once */
};

/* What scripts get that say nothing. */
static const struct discovery_settings discovery_settings_default = {
    .interval = 10, .timeout = 3, .debounce = 0.5};

enum { DISCOVERY_URL_MAX = 600, DISCOVERY_REASON_MAX = 320 };

struct discovery;

struct discoveries {
    struct ev_loop
        *loop; /* NULL: nothing is asked, only files are read (a script is only checked) */
    struct resolver *resolver; /* the worker's */
    struct discovery *first;
    ev_timer teller;
};

/* Called by the loop with the whole list, sorted, each time it has changed. n > 0. May take and give back anything here. */
typedef void discovery_news_fn(void *owner, const struct server_spec *servers, uint32_t n);

struct discovery_listener;

void discoveries_init(struct discoveries *set, struct ev_loop *loop, struct resolver *resolver);

/* All were given back. */
void discoveries_release(struct discoveries *set);

/* How many wait for their first answer, good or bad, or for telling it. */
uint32_t discoveries_open(const struct discoveries *set);

/* NULL and a count for the caller in *out, or a sentence that says what is wrong with the URL. */
const char *discovery_take(struct discoveries *set, const char *url, size_t len,
                           const struct discovery_settings *settings, struct discovery **out);
void discovery_give(struct discovery *d);

/* Tells at once if there is a list already, and from then on each change, until the listener is taken off. */
struct discovery_listener *discovery_listen(struct discovery *d, discovery_news_fn *tell,
                                            void *owner);
void discovery_unlisten(struct discovery_listener *l);

const char *discovery_url(const struct discovery *d);

/* Why there is no list yet, or why the last answer was none; NULL when all is well. */
const char *discovery_failure(const struct discovery *d);

#endif
