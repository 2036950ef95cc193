#include <ctype.h>
#include <string.h>

#include "convert/mcrouter.h"

/* The statements of a script that make its pools: mg.defaults with what mcrouter does with every server, then each pool.
 *
 * Sources: mcrouter/mcrouter_options_list.h (server-timeout 1000 ms, timeouts-until-tko 3, probe-timeout-initial 10000 ms,
 * probe-timeout-max 60000 ms), mcrouter/routes/McRouteHandleProvider-inl.h 140-185 (timeouts of a pool; that to connect is the same one
 * unless given), mcrouter/lib/fbi/cpp/ParsingUtil.cpp 17-33, as of 2026-08. */

enum {
    TIMEOUT_MS = 1000,
    TIMEOUT_MOST = 1000000, /* as mcrouter reads it */
    STALL_MS = 3000,        /* moongate's own stall_timeout: no longer timeout may outlast it */
    HOUR_MS = 3600000,
    PROBE_MS = 10000,
    PROBE_MOST_MS = 60000,
    NO_TKO = 1000000, /* timeouts in a row: the most that failure_limit takes */
    NAME_MOST = 63
};

static int64_t or_usual(uint32_t given, int64_t usual)
{
    return given ? given : usual;
}

/* Of milliseconds: no time is longer here. */
static int64_t ms_or_usual(uint32_t given, int64_t usual)
{
    return given > HOUR_MS ? HOUR_MS : or_usual(given, usual);
}

static const char *seconds(struct mc *m, int64_t ms)
{
    return mc_number(m, (double)ms / 1000);
}

static int64_t stall_of(int64_t timeout_ms)
{
    return timeout_ms < STALL_MS             ? STALL_MS
           : timeout_ms > HOUR_MS - STALL_MS ? HOUR_MS
                                             : timeout_ms + STALL_MS;
}

void mc_write_defaults(struct mc *m, FILE *to)
{
    const struct convert_flags *f = m->flags;
    struct mc_call c = mc_call(m, "mg.defaults");
    int64_t timeout = ms_or_usual(f->server_timeout_ms, TIMEOUT_MS),
            probe = ms_or_usual(f->probe_initial_ms, PROBE_MS);
    mc_item(&c, "timeout = %s", seconds(m, timeout));
    mc_item(&c, "connect_timeout = %s", seconds(m, timeout));
    if (timeout >= STALL_MS) mc_item(&c, "stall_timeout = %s", seconds(m, stall_of(timeout)));
    mc_item(&c, "failure_limit = %lld",
            (long long)(f->no_tko ? NO_TKO : or_usual(f->timeouts_until_tko, 3)));
    mc_item(&c, "probe_min = %s", seconds(m, probe));
    mc_item(&c, "probe_max = %s", seconds(m, probe > PROBE_MOST_MS ? probe : PROBE_MOST_MS));
    mc_item(&c, "texts = \"mcrouter\"");
    fprintf(to, "%s\n", mc_done(&c).text);
}

/* --- a pool ------------------------------------------------------------------------------------------------ */

/* A name of mcrouter's as mg.pool takes it: other bytes become underscores. Pools whose names would be the same get numbers. */
static const char *short_name(struct mc *m, struct tree_text name)
{
    static const char allowed[] = "_.-";
    char text[NAME_MOST + 1];
    size_t n = 0;
    for (; n < name.len && n < NAME_MOST - 8; n++) {
        unsigned char c = (unsigned char)name.bytes[n];
        text[n] = c < 128 && c && (isalnum(c) || strchr(allowed, c)) ? (char)c : '_';
    }
    text[n] = 0;
    if (n == 0) return "pool";
    return mc_text(m, "%s", text);
}

static bool is_taken(const struct mc *m, const char *name)
{
    for (const struct mc_pool *p = m->first_pool; p && p->shown; p = p->next)
        if (strcmp(p->shown, name) == 0) return true;
    return false;
}

static const char *unlike_others(struct mc *m, const struct mc_pool *p)
{
    const char *name = short_name(m, p->name), *text = name;
    for (uint32_t i = m->names_n; is_taken(m, text); i++) text = mc_text(m, "%s_%u", name, i + 1);
    m->names_n++;
    return text;
}

/* The same address twice needs a name of its own. */
static uint32_t earlier(const struct mc_pool *p, uint32_t i)
{
    uint32_t n = 0;
    for (uint32_t j = 0; j < i; j++) n += strcmp(p->texts[j], p->texts[i]) == 0;
    return n;
}

/* How many of its servers are spoken to by TLS. */
static uint32_t secured(const struct mc_pool *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->servers->n; i++) n += p->tls[i];
    return n;
}

static void add_server(struct mc *m, const struct mc_pool *p, uint32_t i, struct mc_call *c)
{
    bool is_weighted = p->weights && *p->weights && mc_counts_weights(&p->hash);
    const char *name = NULL, *text = mc_quoted(m, mc_str(p->texts[i]));
    uint32_t before = earlier(p, i);
    if (p->options && strstr(p->options, "rendezvous"))
        name = mc_quoted(m, p->hash.tags->items[i]->text);
    else if (before)
        name = mc_quoted(m, mc_str(mc_text(m, "%s#%u", p->texts[i], before + 1)));
    bool is_other = p->tls[i] && secured(p) < p->servers->n;
    if (!name && !is_weighted && !is_other) {
        mc_item(c, "%s", text);
        return;
    }
    struct mc_call server = mc_call(m, "");
    mc_item(&server, "%s", text);
    if (name) mc_item(&server, "name = %s", name);
    if (is_weighted) mc_item(&server, "weight = %s", mc_number(m, mc_weight(p->hash.weights, i)));
    if (is_other) mc_item(&server, "tls = true");
    mc_item(c, "%s", mc_done(&server).text);
}

static bool add_timeouts(struct mc *m, const struct mc_pool *p, struct mc_call *c)
{
    static const char *const names[] = {"server_timeout", "connect_timeout"};
    int64_t usual = ms_or_usual(m->flags->server_timeout_ms, TIMEOUT_MS), ms[2] = {usual, 0};
    for (int i = 0; i < 2; i++) {
        const struct tree_node *node = mc_pool_get(p, names[i]);
        if (!node) continue;
        if (node->kind != TREE_INT || node->whole < 1 || node->whole > TIMEOUT_MOST)
            return mc_fail(m, node,
                           "'%s' of pool '%s' is no whole number from 1 to %d: write milliseconds",
                           names[i], p->name.bytes, TIMEOUT_MOST);
        ms[i] = node->whole;
    }
    if (!ms[1]) ms[1] = ms[0];
    if (ms[0] != usual) mc_item(c, "timeout = %s", seconds(m, ms[0]));
    if (ms[1] != usual) mc_item(c, "connect_timeout = %s", seconds(m, ms[1]));
    if (ms[0] != usual && ms[0] >= STALL_MS)
        mc_item(c, "stall_timeout = %s", seconds(m, stall_of(ms[0])));
    return true;
}

static bool write_pool(struct mc *m, struct mc_pool *p)
{
    struct mc_call c = mc_call(m, "mg.pool");
    p->shown = unlike_others(m, p);
    if (p->servers->n == 0) return true;
    for (uint32_t i = 0; i < p->servers->n; i++) add_server(m, p, i, &c);
    mc_item(&c, "name = \"%s\"", p->shown);
    if (secured(p) == p->servers->n) mc_item(&c, "tls = true");
    mc_item(&c, "like = \"mcrouter\"");
    if (p->options && *p->options) mc_item(&c, "%s", p->options);
    if (!add_timeouts(m, p, &c)) return false;
    fprintf(m->pools, "%s = %s\n", p->route, mc_done(&c).text);
    return true;
}

/* In the order in which routes use them, which is the reverse of the list's. */
bool mc_write_pools(struct mc *m)
{
    struct mc_pool *first = NULL, *next;
    for (struct mc_pool *p = m->first_pool; p; p = next) {
        next = p->next;
        p->next = first;
        first = p;
    }
    m->first_pool = first;
    for (struct mc_pool *p = first; p; p = p->next)
        if (!write_pool(m, p)) return false;
    return true;
}
