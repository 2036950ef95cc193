/* discovery_host: a resolver with discoveries, and listeners that remember what they got.
 *
 * Included once, by a test program's only source. Both are made by opens() and released by closes().
 */
#ifndef TESTS_UNIT_DISCOVERY_HOST_H
#define TESTS_UNIT_DISCOVERY_HOST_H

#include "lib/evloop.h"

#include <stdio.h>
#include <string.h>

#include "discovery/discovery.h"

static const double NEVER_WAITS = 0.4; /* see resolver_test */

static struct resolver resolver;
static struct discoveries discoveries;

static inline void opens(const char *servers)
{
    struct resolver_settings settings = {
        .dns = {.servers = servers, .timeout = 0.1, .tries = 2}, .least = 0.05, .most = 300};
    resolver_init(&resolver, evloop(), &settings);
    discoveries_init(&discoveries, evloop(), &resolver);
}

static inline void closes(void)
{
    discoveries_release(&discoveries);
    resolver_release(&resolver);
    assert_true(evloop_longest() < NEVER_WAITS);
}

/* --- a listener --------------------------------------------------------------------------------- */

/* What it got last: "127.0.0.1:11211/1 ..." */
struct seen {
    struct discovery *discovery;
    struct discovery_listener *listener;
    char text[2048]; /* of many servers the first */
    unsigned times, servers;
};

static inline void on_news(void *owner, const struct server_spec *servers, uint32_t n)
{
    struct seen *s = owner;
    size_t len = 0;
    s->times++;
    s->servers = n;
    for (uint32_t i = 0; i < n && len < sizeof s->text - 600; i++) {
        char server[SERVER_TEXT_MAX];
        const struct server_spec *spec = &servers[i];
        len += (size_t)snprintf(s->text + len, sizeof s->text - len, "%s%s/%g%s%s", i ? " " : "",
                                server_show(spec, server), spec->weight < 0 ? 1 : spec->weight,
                                spec->name[0] ? "/" : "", spec->name);
    }
}

/* Quick: changes need last 0.1 seconds, questions come every 0.05. */
static const struct discovery_settings quick = {.interval = 0.05, .timeout = 0.3, .debounce = 0.1};

static inline struct seen *listens_with(const char *url, const struct discovery_settings *settings)
{
    struct seen *s = stage_memory(sizeof *s);
    const char *wrong = discovery_take(&discoveries, url, strlen(url), settings, &s->discovery);
    if (wrong) stage_fails("%s: %s", url, wrong);
    s->listener = discovery_listen(s->discovery, on_news, s);
    return s;
}

static inline struct seen *listens(const char *url)
{
    return listens_with(url, &quick);
}

static inline void leaves(struct seen *s)
{
    discovery_unlisten(s->listener);
    discovery_give(s->discovery);
}

struct wish {
    const struct seen *seen;
    const char *text;
};

static inline bool is_granted(void *what)
{
    const struct wish *w = what;
    return strcmp(w->seen->text, w->text) == 0;
}

static inline void sees(const struct seen *s, const char *text)
{
    struct wish w = {s, text};
    if (!evloop_waits(is_granted, &w)) {
        const char *failure = discovery_failure(s->discovery);
        stage_fails("wanted: %s\nseen: %s (%s)", text, s->text, failure ? failure : "well");
    }
}

struct number {
    const struct seen *seen;
    unsigned servers;
};

static inline bool has_number(void *what)
{
    const struct number *w = what;
    return w->seen->servers == w->servers;
}

static inline void sees_servers(const struct seen *s, unsigned servers)
{
    struct number w = {s, servers};
    if (!evloop_waits(has_number, &w)) stage_fails("%u servers, not %u", s->servers, servers);
}

static inline bool fails_so(void *what)
{
    const struct wish *w = what;
    const char *failure = discovery_failure(w->seen->discovery);
    return w->text ? failure && strstr(failure, w->text) : !failure;
}

/* reason: a part of why; NULL: it does not fail any more. */
static inline void sees_failure(const struct seen *s, const char *reason)
{
    struct wish w = {s, reason};
    const char *failure;
    if (evloop_waits(fails_so, &w)) return;
    failure = discovery_failure(s->discovery);
    stage_fails("wanted failure: %s\nseen: %s", reason ? reason : "none",
                failure ? failure : "none");
}

#endif
