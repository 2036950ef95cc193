/* What people see of a script: its pools and its route (when it is checked, and in the tools), and the value of an
 * expression. */
#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "backend/credential.h"
#include "backend/secure.h"
#include "base/utf8.h"
#include "script/state.h"
#include "store/store.h"

/* What goes behind a pool or a server, with commas in between: only settings that are not the usual ones. */
struct settings_line {
    FILE *out;
    const char *head; /* before the first */
    bool follows;
};

static void __attribute__((format(printf, 2, 3)))
put(struct settings_line *line, const char *format, ...)
{
    va_list list;
    fputs(line->follows ? ", " : line->head, line->out);
    line->follows = true;
    va_start(list, format);
    vfprintf(line->out, format, list);
    va_end(list);
}

/* A setting that is a text, which may hold anything. */
static void put_bytes(struct settings_line *line, const char *name, const char *bytes, size_t len)
{
    char text[4 * SERVER_TEXT_MAX + 1];
    utf8_show(text, sizeof text, bytes, len);
    put(line, "%s %s", name, text);
}

static void put_choice(struct settings_line *line, const char *name, uint32_t choice, uint32_t at,
                       uint32_t usual)
{
    if (at != usual) put(line, "%s %s", name, mg_choice_name(choice, at));
}

/* How connections behave; their number stands elsewhere. */
static void put_backend(struct settings_line *line, const struct backends *set,
                        const struct backend_settings *b, const struct backend_settings *usual)
{
    struct backend_settings numbers = *b, none = *usual;
    numbers.connections = none.connections = 0;
    numbers.probe = none.probe = numbers.requests = none.requests = 0;
    numbers.ask = none.ask = 0;
    numbers.texts = none.texts = numbers.eject = none.eject = 0;
    numbers.merge = none.merge = 0;
    numbers.down = none.down = numbers.tls = none.tls = 0;
    numbers.auth = none.auth = numbers.protocol = none.protocol = 0;
#define X(name, type, fallback, least, most, meaning)                                              \
    if (numbers.name != none.name) put(line, #name " %g", (double)numbers.name);
    BACKEND_SETTINGS(X)
#undef X
    put_choice(line, "probe", MG_PROBE, b->probe, usual->probe);
    put_choice(line, "protocol", MG_PROTOCOL, b->protocol, usual->protocol);
    put_choice(line, "requests", MG_REQUESTS, b->requests, usual->requests);
    put_choice(line, "ask", MG_ASK, b->ask, usual->ask);
    put_choice(line, "texts", MG_TEXTS, b->texts, usual->texts);
    put_choice(line, "eject", MG_EJECT, b->eject, usual->eject);
    if (b->merge != usual->merge) put(line, "merge %s", b->merge ? "true" : "false");
    if (b->down != usual->down) put(line, "down %s", b->down ? "true" : "false");
    if (b->auth != usual->auth) put(line, "auth %s", credential_show(set, b->auth));
    if (b->tls != usual->tls) put(line, "tls %s", secure_show(set, b->tls));
}

static void put_pool(struct settings_line *line, const struct backends *set,
                     const struct pool_settings *o)
{
    const struct backend_settings usual = backend_settings_default();
    const struct selector_settings *s = &o->selector;
    if (s->seed) put(line, "seed %llu", (unsigned long long)s->seed);
    if (s->points) put(line, "points %u", s->points);
    if (o->hash_tag[0]) put_bytes(line, "hash_tag", o->hash_tag, sizeof o->hash_tag);
    if (o->hash_empty_tag) put(line, "hash_empty_tag true");
    if (o->hash_stop[0]) put_bytes(line, "hash_stop", o->hash_stop, strlen(o->hash_stop));
    if (o->unhashed_prefix[0])
        put_bytes(line, "unhashed_prefix", o->unhashed_prefix, strlen(o->unhashed_prefix));
    put_choice(line, "naming", MG_NAMING, o->naming, NAMING_HOST);
    put_choice(line, "order", MG_ORDER, o->order, ORDER_GIVEN);
    if (o->unweighted) put(line, "weighted false");
    put_choice(line, "on_failure", MG_ON_FAILURE, o->on_failure, ON_FAILURE_ERROR);
    if (o->on_failure == ON_FAILURE_REHASH) put(line, "eject_floor %g", o->eject_floor);
    put_backend(line, set, &o->backend, &usual);
    if (o->backend.eject != EJECTS_NONE) put(line, "eject_retry %g", o->eject_retry);
}

/* What the ring hashes where the script gives no name: as naming host makes it. Other forms are shown. */
static bool has_usual_name(const struct pool_member *m)
{
    const char *shown = m->backend->name;
    size_t len = strlen(m->name);
    return strncmp(shown, m->name, len) == 0 &&
           (shown[len] == '\0' || strcmp(shown + len, ":11211") == 0);
}

static void describe_server(const struct pool *p, const struct pool_member *m, FILE *out)
{
    const struct backend *b = m->backend;
    struct settings_line line = {out, ", ", false};
    fprintf(out, "  server %s: %u connection%s", b->name, b->settings.connections,
            b->settings.connections == 1 ? "" : "s");
    if (m->weight != distribution_usual_weight(p->settings.selector.distribution))
        put(&line, "weight %g", m->weight);
    if (!has_usual_name(m)) put_bytes(&line, "name", m->name, strlen(m->name));
    if (isinf(m->timeout) && !isinf(p->settings.timeout)) put(&line, "no timeout");
    if (!isinf(m->timeout) && m->timeout != p->settings.timeout)
        put(&line, "timeout %g s", m->timeout);
    put_backend(&line, p->set, &b->settings, &p->settings.backend);
    putc('\n', out);
}

/* discovery_failure: a pool that cannot be discovered now has the servers of the last time, or none. */
static void describe_pool(const struct pool *p, FILE *out)
{
    const struct pool_settings *o = &p->settings;
    enum distribution distribution = o->selector.distribution;
    struct settings_line line = {out, "  ", false};
    char timeout[40] = "no timeout";
    if (!isinf(o->timeout)) snprintf(timeout, sizeof timeout, "timeout %g s", o->timeout);
    fprintf(out, "pool %s: %s, %s, %s, %u server%s\n", o->name, distribution_name(distribution),
            distribution_hashes_itself(distribution) ? "its own hash" : hash_name(o->selector.hash),
            timeout, p->members_n, p->members_n == 1 ? "" : "s");
    put_pool(&line, p->set, o);
    if (line.follows) putc('\n', out);
    for (uint32_t i = 0; i < p->members_n; i++) describe_server(p, &p->members[i], out);
    if (!p->discovery) return;
    const char *failure = discovery_failure(p->discovery);
    fprintf(out, "  discovered by %s%s%s\n", discovery_url(p->discovery), failure ? ": " : "",
            failure ? failure : "");
}

/* Statistics and explain name pools. */
static void warn_of_twins(const struct script *s, uint32_t at, FILE *out)
{
    for (uint32_t i = 0; i < at; i++) {
        if (strcmp(s->pools[i]->settings.name, s->pools[at]->settings.name) != 0) continue;
        fprintf(out, "warning: another pool is named %s: give each pool a name of its own\n",
                s->pools[at]->settings.name);
        return;
    }
}

static void describe_route(const struct route *route, FILE *out)
{
    if (route->kind == ROUTE_POOL && !route->text)
        fprintf(out, "route: pool %s\n", route->pool->settings.name);
    else
        fprintf(out, "route: %s\n", route->text);
}

/* "64m", "1.5m" */
static void put_size(uint64_t bytes, FILE *out)
{
    static const char units[] = "kmg";
    double size = (double)bytes / 1024;
    int unit = 0;
    for (; size >= 1024 && units[unit + 1]; unit++) size /= 1024;
    fprintf(out, "%.3g%c", size, units[unit]);
}

static void describe_store(const struct script_store *s, FILE *out)
{
    struct store_usage usage = store_usage(s->store);
    fprintf(out, "%s: size ", s->text);
    put_size(usage.size, out);
    fputs(", values up to ", out);
    put_size(usage.max_value, out);
    putc('\n', out);
}

void mg_warn(struct script *s, const char *text, size_t len)
{
    if (s->warnings_n == SCRIPT_WARNINGS) return;
    char *copy = strndup(text, len);
    if (!copy) abort();
    s->warnings[s->warnings_n++] = copy;
}

const char *script_warning(const struct script *s, uint32_t at)
{
    return at < s->warnings_n ? s->warnings[at] : NULL;
}

void script_describe(const struct script *s, FILE *out)
{
    for (uint32_t i = 0; i < s->pools_n; i++) {
        describe_pool(s->pools[i], out);
        warn_of_twins(s, i, out);
    }
    for (uint32_t i = 0; i < s->stores_n; i++) describe_store(&s->stores[i], out);
    const char *warning;
    for (uint32_t i = 0; (warning = script_warning(s, i)); i++)
        fprintf(out, "warning: %s\n", warning);
    listens_describe(s, out);
    contexts_describe(s, out);
    if (s->listens.n > 0 && !s->listens.has_root) return;
    if (s->root >= 0)
        describe_route(s->routes.routes[s->root], out);
    else
        fprintf(out, "route: a function, asked for every key\n");
}

/* boot.lua's evaluate does all of it. It stands in package.loaded, since C keeps only what routing needs. */
void script_evaluate(struct script *s, const char *text, size_t len, FILE *to)
{
    lua_State *L = s->L;
    assert(lua_gettop(L) == STACK_TOP);
    script_time_begin(s);
    lua_getglobal(L, "package");          /* [..., package] */
    lua_getfield(L, -1, "loaded");        /* [..., package, loaded] */
    lua_getfield(L, -1, "moongate.boot"); /* [..., package, loaded, boot] */
    lua_getfield(L, -1, "evaluate");      /* [..., package, loaded, boot, evaluate] */
    lua_pushlstring(L, text, len);        /* [..., evaluate, text] */
    /* [..., value as text, or what was wrong] */
    bool good = script_memory_call(s, 1, 1, STACK_HANDLER) == 0;
    size_t n;
    const char *said = lua_tolstring(L, -1, &n);
    if (good && said) fwrite(said, 1, n, to);
    if (!good) fputs(script_memory_explain(s, said), to);
    lua_settop(L, STACK_TOP); /* [...] */
    script_memory_end(s);
}
