/* Names, arguments and texts are those of mcrouter/ServiceInfo-inl.h (2026-08), where moongate has the same thing. What is answered with an
 * error begins with `ERROR: `, as a value: a get has no other place for it. Nothing is kept: the configuration is read again from the
 * script's bundle by who asks for it, within the time that explanations have in a turn. */
#include "worker/mcrouter_keys.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bundle.h"
#include "base/process.h"
#include "client/explain_stats.h"
#include "client/own_keys.h"
#include "placement/hash.h"
#include "worker/converted.h"
#include "worker/worker_state.h"

enum { DEPTH_MAX = 64 };

void mcrouter_fail(const struct mcrouter_asked *a, const char *what)
{
    fprintf(a->to, "ERROR: %s", what);
}

/* --- options ------------------------------------------------------------------------------------------------ */

/* Those that mean something here, under mcrouter's names, with the values that are in use. The configuration is the last: it may have
 * lines. */
static void print_options(const struct options *o, FILE *to)
{
    const char *route = o->route_prefix ? o->route_prefix : "/././";
    fprintf(to, "num_proxies %u\n", o->workers);
    fprintf(to, "config_file %s\n", o->script_text ? "" : o->script);
    fprintf(to, "default_route %s%s%s\n", *route == '/' ? "" : "/", route,
            *route && route[strlen(route) - 1] == '/' ? "" : "/");
    fprintf(to, "send_invalid_route_to_default %d\n", o->send_invalid_route_to_default);
    fprintf(to, "disable_tko_tracking %d\n", o->disable_tko_tracking);
    fprintf(to, "probe_delay_initial_ms %u\n",
            o->probe_timeout_initial ? o->probe_timeout_initial : 10000);
    fprintf(to, "failures_until_tko %u\n", o->timeouts_until_tko ? o->timeouts_until_tko : 3);
    fprintf(to, "server_timeout_ms %u\n", o->server_timeout_ms ? o->server_timeout_ms : 1000);
    fprintf(to, "config_str %s\n", o->script_text ? o->script_text : "");
}

/* The value of one: what stands behind its name, up to the end of the line; config_str may have many. */
static void options(const struct mcrouter_asked *a)
{
    char *all = NULL;
    size_t n = 0;
    const struct span *name = &a->arguments[0];
    FILE *f = open_memstream(&all, &n);
    if (!f) abort();
    print_options(a->w->seat->options, f);
    if (fclose(f) != 0) abort();
    if (a->n > 1)
        mcrouter_fail(a, "options: 0 or 1 args expected");
    else if (a->n == 0)
        fputs(all, a->to);
    else if (name->len == 10 && memcmp(name->at, "config_str", 10) == 0)
        fputs(a->w->seat->options->script_text ? a->w->seat->options->script_text : "", a->to);
    else {
        const char *line = all;
        while (line &&
               !(strncmp(line, (const char *)name->at, name->len) == 0 && line[name->len] == ' ')) {
            line = strchr(line, '\n');
            if (line && !*++line) line = NULL;
        }
        if (line)
            fprintf(a->to, "%.*s", (int)strcspn(line + name->len + 1, "\n"), line + name->len + 1);
        else
            fprintf(a->to, "ERROR: options: option %.*s not found", (int)name->len, name->at);
    }
    free(all);
}

/* --- where a request goes ------------------------------------------------------------------------------------ */

void mcrouter_put_host(FILE *to, const struct pool *p, const char *server)
{
    uint32_t id = 0;
    while (id + 1 < p->members_n && strcmp(p->members[id].backend->name, server) != 0) id++;
    fprintf(
        to, "host|pool=%s|id=%u|ap=%s:ascii:plain|timeout=%.0fms|keep_routing_prefix=false|msb=0\n",
        p->settings.name, id, server, p->settings.timeout < 1e9 ? p->settings.timeout * 1000 : 0);
}

/* An explain_told_fn: as a request that every server answers with a miss would go. */
static void put_destinations(void *arg, const struct explanation *x)
{
    const struct mcrouter_asked *a = arg;
    bool is_first = true;
    for (uint32_t i = 0; i < x->places_n; i++) {
        const struct touched *place = &x->places[i];
        if (place->role == WALK_INSTEAD || strcmp(place->server, "none") == 0) continue;
        fprintf(a->to, "%s%s", is_first ? "" : "\r\n", place->server);
        is_first = false;
    }
}

/* An explain_field_fn: the routes on the way to the first place, each a blank further in. */
struct levels {
    FILE *to;
    int depth;
};

static void put_levels(void *arg, const char *name, const char *text)
{
    struct levels *l = arg;
    if (strcmp(name, "route") != 0) return;
    for (const char *end; *text && l->depth < DEPTH_MAX; text = end) {
        end = strstr(text, " -> ");
        if (!end) end = text + strlen(text);
        fprintf(l->to, "%*s%.*s\n", l->depth++, "", (int)(end - text), text);
        if (*end) end += strlen(" -> ");
    }
}

static void put_tree(void *arg, const struct explanation *x)
{
    const struct mcrouter_asked *a = arg;
    struct levels l = {a->to, 1};
    fputs("root\n", a->to);
    explain_fields(x, put_levels, &l);
    for (uint32_t i = 0; i < x->places_n; i++) {
        if (strcmp(x->places[i].server, "none") == 0) continue;
        fprintf(a->to, "%*s", l.depth, "");
        mcrouter_put_host(a->to, x->places[i].pool, x->places[i].server);
    }
}

/* mcrouter's name of a request, as memcache's command. */
static struct span command_of(struct span name)
{
    static const char lease_get[] = "lease-get", lease_set[] = "lease-set";
    if (name.len == 9 && (memcmp(name.at, lease_get, 9) == 0 || memcmp(name.at, lease_set, 9) == 0))
        return (struct span){name.at + 6, 3};
    return name;
}

static void explain(const struct mcrouter_asked *a, const char *what, explain_told_fn *told)
{
    struct turn *t = &a->w->turn;
    struct span command = command_of(a->arguments[0]), key = a->arguments[1];
    if (a->n != 2) {
        fprintf(a->to, "ERROR: %s: 2 args expected", what);
        return;
    }
    turn_route(t); /* what waits in the slots goes first, and one is free then */
    struct explainer e = explainer_of(t, a->c);
    const char *wrong =
        explain_key(&e, (const char *)command.at, command.len, (const char *)key.at, key.len,
                    (struct explain_value){NULL, 0}, told, (void *)(uintptr_t)a);
    if (wrong && strcmp(wrong, "ERROR") == 0)
        fprintf(a->to, "ERROR: route: unknown request %.*s", (int)a->arguments[0].len,
                a->arguments[0].at);
    else if (wrong)
        mcrouter_fail(a, wrong);
}

static void route(const struct mcrouter_asked *a)
{
    explain(a, "route", put_destinations);
}

static void route_handles(const struct mcrouter_asked *a)
{
    explain(a, "route_handles", put_tree);
}

/* --- the rest ------------------------------------------------------------------------------------------------ */

static void version(const struct mcrouter_asked *a)
{
    fputs(MOONGATE_VERSION " moongate", a->to);
}

/* The same number for all workers of a host, another for each host. */
static void hostid(const struct mcrouter_asked *a)
{
    char name[256] = "";
    (void)gethostname(name, sizeof name - 1);
    fprintf(a->to, "%u", hash_bytes(HASH_XXH3, name, strlen(name)));
}

static void verbosity(const struct mcrouter_asked *a)
{
    if (a->n == 0)
        fprintf(a->to, "%d", a->w->options.verbose);
    else if (a->n == 1)
        mcrouter_fail(a, "verbosity is set by --verbose, when moongate starts");
    else
        fprintf(a->to, "ERROR: expected at most 1 argument, got %u", a->n);
}

/* No server of a configuration has a failure domain here. */
static void failure_domains(const struct mcrouter_asked *a)
{
    if (a->n != 1)
        mcrouter_fail(a, "failure_domains: 1 arg expected");
    else
        fputs("{}", a->to);
}

/* No route has buckets here. */
static void get_bucket(const struct mcrouter_asked *a)
{
    if (a->n != 1) mcrouter_fail(a, "get_bucket: 1 arg (key) expected");
}

static void commands(const struct mcrouter_asked *a);

static const struct {
    const char *name;
    void (*answer)(const struct mcrouter_asked *a);
} questions[] = {
    {"commands", commands},
    {"config_age", mcrouter_config_age},
    {"config_file", mcrouter_config_file},
    {"config_md5_digest", mcrouter_config_md5_digest},
    {"config_sources_info", mcrouter_config_sources_info},
    {"failure_domains", failure_domains},
    {"get_bucket", get_bucket},
    {"global_params", mcrouter_global_params},
    {"hostid", hostid},
    {"options", options},
    {"pools", mcrouter_pools},
    {"preprocessed_config", mcrouter_preprocessed_config},
    {"route", route},
    {"route_handles", route_handles},
    {"verbosity", verbosity},
    {"version", version},
};

enum { QUESTIONS = sizeof questions / sizeof *questions };

static void commands(const struct mcrouter_asked *a)
{
    for (unsigned i = 0; i < QUESTIONS; i++) fprintf(a->to, "%s\n", questions[i].name);
}

/* Splits at commas; for a route only at the first, since a key may have some. What is more than two is counted. */
static void split(struct mcrouter_asked *a, const char *at, size_t len, bool once)
{
    while (len || a->n) {
        const char *comma = once && a->n == 1 ? NULL : memchr(at, ',', len);
        size_t n = comma ? (size_t)(comma - at) : len;
        if (a->n < 2) a->arguments[a->n] = (struct span){(const uint8_t *)at, n};
        a->n++;
        if (!comma) break;
        at += n + 1;
        len -= n + 1;
    }
    if (once && a->n == 1) a->n = 0;
}

/* A clients_own_key_fn. */
static void answer(void *about, const struct client *c, const char *what, size_t len, FILE *to)
{
    struct worker *w = about;
    struct mcrouter_asked a = {.w = w, .c = c, .to = to};
    double began = process_clock();
    const char *open = memchr(what, '(', len);
    size_t n = len;
    if (open && what[len - 1] == ')') {
        n = (size_t)(open - what);
        split(&a, open + 1, len - n - 2, n >= 5 && memcmp(what, "route", 5) == 0);
    }
    if (explain_is_too_much(&w->clients)) {
        mcrouter_fail(&a, EXPLAIN_TOO_MUCH);
        return;
    }
    for (unsigned i = 0; i < QUESTIONS; i++) {
        if (strlen(questions[i].name) != n || memcmp(questions[i].name, what, n) != 0) continue;
        questions[i].answer(&a);
        explain_took(&w->clients, began);
        return;
    }
    fprintf(to, "ERROR: unknown command: %.*s", (int)n, what);
}

void mcrouter_keys_follow(struct worker *w, const struct script *s)
{
    struct script_file script = options_script(w->seat->options);
    struct bundle_file file;
    bool is_mcrouters = script.path && mcrouter_main_file(s, &file) &&
                        converted_kind(&script, file.bytes, file.len) == CONVERT_MCROUTER;
    w->clients.own_keys = is_mcrouters ? answer : NULL;
    w->clients.own_keys_for = w;
}
