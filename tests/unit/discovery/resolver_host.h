/* resolver_host: a resolver with short times, and watches that keep what they got.
 *
 * Included once, by a test program's only source. opens() makes the resolver, closes() releases it; the stage owns what a watch
 * got and frees it after the test.
 */
#ifndef TESTS_UNIT_RESOLVER_HOST_H
#define TESTS_UNIT_RESOLVER_HOST_H

#include "lib/evloop.h"

#include <stdio.h>
#include <string.h>

#include "discovery/resolver.h"

/* The longest turn of the loop that a test may see: far below any time limit of a look-up, far above a busy machine's. */
static const double NEVER_WAITS = 0.4;

/* What a watch got last, as text: "127.0.0.1:11211 127.0.0.2:11211", "a.test:1/2/3", "!" before a failure. */
struct seen {
    struct resolver *resolver;
    struct name_watch *watch;
    char text[8192];
    char failure[200];
    unsigned times;
};

static inline void on_news(void *owner, const struct name_news *news)
{
    struct seen *s = owner;
    size_t len = 0;
    s->times++;
    s->text[0] = '\0';
    for (uint32_t i = 0; i < news->n && len < sizeof s->text - 100; i++) {
        char one[ADDR_TEXT_MAX + DNS_NAME_MAX];
        if (news->addrs)
            addr_print(&news->addrs[i], one);
        else
            snprintf(one, sizeof one, "%s:%u/%u/%u", news->srvs[i].host, news->srvs[i].port,
                     news->srvs[i].priority, news->srvs[i].weight);
        len += (size_t)snprintf(s->text + len, sizeof s->text - len, "%s%s", i ? " " : "", one);
    }
    snprintf(s->failure, sizeof s->failure, "%s", news->failure ? news->failure : "");
}

/* --- the resolver of a test --------------------------------------------------------------------- */

static struct resolver resolver;

/* Quick: answers live as short as they may, tries are short. */
static inline void opens(const char *servers)
{
    struct resolver_settings settings = {
        .dns = {.servers = servers, .timeout = 0.1, .tries = 2}, .least = 0.05, .most = 300};
    resolver_init(&resolver, evloop(), &settings);
}

static inline void closes(void)
{
    resolver_release(&resolver);
    assert_true(evloop_longest() < NEVER_WAITS);
}

static inline struct seen *watches(const char *host)
{
    struct seen *s = stage_memory(sizeof *s);
    s->watch = resolver_watch(&resolver, host, 11211, on_news, s);
    return s;
}

static inline struct seen *watches_service(const char *service)
{
    struct seen *s = stage_memory(sizeof *s);
    s->watch = resolver_watch_srv(&resolver, service, on_news, s);
    return s;
}

static inline void unwatches(struct seen *s)
{
    resolver_unwatch(s->watch);
    s->watch = NULL;
}

struct wish {
    const struct seen *seen;
    const char *text;
    bool fails;
};

static inline bool is_granted(void *what)
{
    const struct wish *w = what;
    return strcmp(w->seen->text, w->text) == 0 && (w->seen->failure[0] != '\0') == w->fails;
}

static inline void sees(const struct seen *s, const char *text)
{
    struct wish w = {s, text, false};
    if (!evloop_waits(is_granted, &w))
        stage_fails("wanted: %s\nseen: %s (failure: %s)", text, s->text, s->failure);
}

/* The last answer stays, and the look-up fails. */
static inline void sees_failure(const struct seen *s, const char *text, const char *reason)
{
    struct wish w = {s, text, true};
    if (!evloop_waits(is_granted, &w) || !strstr(s->failure, reason))
        stage_fails("wanted: %s, %s\nseen: %s (failure: %s)", text, reason, s->text, s->failure);
}

#endif
