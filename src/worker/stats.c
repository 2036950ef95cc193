/* A client that asks a worker for statistics gets those of the service, not of the worker that it is connected to. No
 * message goes to the other workers: each worker writes its counters into its own part of the board, in memory that all share
 * (base/board.h), and here all parts are read and added. A part is read while its owner writes it. Cells are read one by one, so
 * the sums of two cells may be of two moments, but no cell is torn.
 *
 * What is not on the board (settings, pools) is the same in each worker, as all of them have the same command line and script;
 * during a reload, this worker's answer. `answering` alone counts what this worker's own connections see.
 *
 * Names: `stats` has memcached's names, because tools that know memcached read it: moongate's own, and for what only servers have, the
 * sums over them (client/tier.h), which this worker has gathered. They do not pass through the board: any worker can ask.
 * Everything else has its own names, from the X-macros BOARD_CELLS, BOARD_SERVER_CELLS and OPTIONS. src/main/README.md
 * explains each of them, and tests/e2e/service/stats_readme_test.c compares.
 *
 * stats_lists.c has what is counted by server, pool, command and others.
 */
#include "worker/stats.h"

#include <assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/conn.h"
#include "base/log.h"
#include "base/metrics_sum.h"
#include "base/shared.h"
#include "client/local.h"
#include "client/stores.h"
#include "net/bind.h"
#include "worker/stat_line.h"
#include "worker/stats_lists.h"
#include "worker/stats_names.h"
#include "worker/stats_stores.h"

enum { LINE = 1024 }; /* of a list of words */

/* --- stats ------------------------------------------------------------------------------------- */

/* The rest of memcached's names, which the worker's servers have (client/tier.h), and its stores, whose numbers are those of now. */
static void show_tier(const struct stats_source *s, enum tier_kind kind, totals_skip_fn *skip,
                      struct outq *out)
{
    struct totals all;
    totals_init(&all, TIER_NAMES_MAX);
    totals_add_all(&all, &s->clients->tier.rows[kind].totals);
    if (kind == TIER_STATS)
        stores_add_stats(s->clients->turn, s->board, &all);
    else
        stores_add_settings(s->clients->turn, &all);
    totals_print(&all, skip, out);
    totals_release(&all);
}

/* 1: moongate and each server that has answered take connections. */
static uint64_t accepting(const struct stats_source *s, const struct board_row *sum)
{
    const struct totals *servers = &s->clients->tier.rows[TIER_STATS].totals;
    bool is_full = sum->curr_connections >= s->options->max_conns;
    return is_full ? 0 : totals_number(servers, "accepting_conns", 1);
}

/* The clock may have been set back. */
static uint64_t seconds_since(uint64_t then, time_t now)
{
    return (uint64_t)now > then ? (uint64_t)now - then : 0;
}

static void general(const struct stats_source *s, struct outq *out)
{
    struct board_row sum = board_sum(s->board);
    stat_line_number(out, "pid", (uint64_t)s->pid);
    stat_line_number(out, "uptime", (uint64_t)board_uptime(s->board));
    stat_line_number(out, "time", (uint64_t)time(NULL));
    stat_line(out, "version", "%s", local_version(s->clients));
    stat_line_number(out, "pointer_size", 8 * sizeof(void *));
    stat_line(out, "rusage_user", "%.6f", (double)sum.user_us * 1e-6);
    stat_line(out, "rusage_system", "%.6f", (double)sum.system_us * 1e-6);
    stat_line_number(out, "max_connections", s->options->max_conns);
#define X(name) stat_line_number(out, #name, sum.name);
    STATS_CELLS(X)
    if (s->clients->limits.idle_timeout > 0) {
        STATS_CELLS_OF_IDLE(X)
    }
    if (sum.tls_loaded) {
        STATS_CELLS_OF_TLS(X)
    }
#undef X
    stat_line_number(out, "threads", s->board->workers);
    stat_line_number(out, "accepting_conns", accepting(s, &sum));
    if (sum.tls_loaded)
        stat_line_number(out, "time_since_server_cert_refresh",
                         seconds_since(sum.tls_loaded, time(NULL)));
    show_tier(s, TIER_STATS, stats_own_statistic, out);
}

/* Every cell of the board, in its order. */
static void proxy(const struct stats_source *s, struct outq *out)
{
    struct board_row sum = board_sum(s->board);
    stat_line(out, "moongate_version", "%s", MOONGATE_VERSION);
    stat_line_number(out, "workers", s->board->workers);
#define X(name, kind, meaning) stat_line_number(out, #name, sum.name);
    BOARD_CELLS(X)
#undef X
}

/* --- stats settings ---------------------------------------------------------------------------- */

static void show_list(struct outq *out, const char *name, const struct option_list *list)
{
    char text[LINE] = "";
    size_t len = 0;
    for (size_t i = 0; i < list->n && len < sizeof text; i++)
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? "," : "", list->items[i]);
    stat_line(out, name, "%s", text);
}

/* mg.listen, as labels: `alpha=127.0.0.1:22121`. */
static void show_listeners(struct outq *out, const struct script *script)
{
    char text[LINE] = "";
    const char *item;
    size_t len = 0;
    for (uint32_t i = 0; script && (item = script_listener(script, i, NULL)) && len < sizeof text;
         i++) {
        struct bind_spec spec;
        (void)bind_parse(&spec, item);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s", i ? "," : "",
                                (int)(spec.address + spec.address_len - item), item);
    }
    stat_line(out, "listen", "%s", text);
}

/* How each type of option is shown. A new type without its SHOW_ does not compile. */
#define SHOW_LIST(name)     show_list(out, #name, &o->name);
#define SHOW_NETWORKS(name) show_list(out, #name, &o->name);
#define SHOW_LITERALS(name) show_list(out, #name, &o->name);
#define SHOW_NODES(name)    show_list(out, #name, &o->name);
#define SHOW_NAMED(name)    show_list(out, #name, &o->name);
#define SHOW_SOCKETS(name)  show_list(out, #name, &o->name);
#define SHOW_PORT(name)     stat_line_number(out, #name, o->name);
#define SHOW_COUNT(name)    stat_line_number(out, #name, o->name);
#define SHOW_SIZE(name)     stat_line_number(out, #name, o->name);
#define SHOW_FLAG(name)     stat_line(out, #name, "%s", o->name ? "yes" : "no");
#define SHOW_REPEAT(name)   stat_line_number(out, #name, (uint64_t)o->name);
#define SHOW_STRING(name)   stat_line(out, #name, "%s", o->name ? o->name : "");
#define SHOW_TEXT(name)     SHOW_STRING(name)
#define SHOW_SECONDS(name)  stat_line(out, #name, "%g", o->name);
#define SHOW_SHARE(name)    stat_line(out, #name, "%g%%", o->name * 100);
#define SHOW_CHOICE(name)                                                                          \
    stat_line(out, #name, "%s", options_choice(words, o->name, word, sizeof word));

/* memcached's names and words. A file that is not given is NULL there, and the modes are numbers. */
static void show_tls(const struct options *o, struct outq *out)
{
    const char *none = "NULL";
    stat_line(out, "ssl_enabled", "%s", o->tls_cert ? "yes" : "no");
    stat_line(out, "ssl_chain_cert", "%s", o->tls_cert ? o->tls_cert : none);
    stat_line(out, "ssl_key", "%s", o->tls_key ? o->tls_key : none);
    stat_line(out, "ssl_ca_cert", "%s", o->tls_ca ? o->tls_ca : none);
    stat_line_number(out, "ssl_verify_mode", (uint64_t)o->tls_verify);
    stat_line_number(out, "ssl_keyformat", 1); /* PEM */
    stat_line(out, "ssl_ciphers", "%s", o->tls_ciphers ? o->tls_ciphers : none);
    stat_line(out, "ssl_session_cache", "no"); /* there are tickets */
    stat_line(out, "ssl_min_version", "%s", o->tls_min == TLS_1_3 ? "tlsv1.3" : "tlsv1.2");
}

static void settings(const struct stats_source *s, struct outq *out)
{
    const struct options *o = s->options;
    const char *words;
    char word[32];
    stat_line_number(out, "maxconns", o->max_conns);
    stat_line_number(out, "tcpport", o->port);
    stat_line_number(out, "num_threads", s->board->workers);
    stat_line_number(out, "item_size_max", o->max_value);
    stat_line(out, "maxconns_fast", "yes"); /* over max_conns, a client is refused at once */
    stat_line(out, "flush_enabled", "%s", o->allow_flush == ALLOW_NO ? "no" : "yes");
    stat_line(out, "dump_enabled", "%s", o->allow_dump == ALLOW_NO ? "no" : "yes");
    stat_line(out, "auth_enabled_sasl", "%s", o->auth_file ? "yes" : "no");
    stat_line(out, "auth_enabled_ascii", "%s", o->auth_file ? "yes" : "no");
    show_tls(o, out);
#define X(name, type, letter, longname, argument, fallback, meaning)                               \
    words = argument;                                                                              \
    SHOW_##type(name)
    OPTIONS(X)
#undef X
    show_listeners(out, *s->script);
    stat_line(out, "script", "%s", o->script ? o->script : "(built-in)");
    show_tier(s, TIER_SETTINGS, stats_no_setting, out);
}

/* --- stats pools ------------------------------------------------------------------------------- */

/* The settings that decide where keys go and what a failure does, the pool's servers and their state, then what all workers have
 * counted. */
static void show_pool(struct pool *p, const struct survey *survey, struct outq *out)
{
    const struct pool_settings *o = &p->settings;
    char name[POOL_NAME_MAX + 32];
#define SHOW(field, ...)                                                                           \
    do {                                                                                           \
        snprintf(name, sizeof name, "%s:%s", o->name, field);                                      \
        stat_line(out, name, __VA_ARGS__);                                                         \
    } while (0)
    SHOW("distribution", "%s", distribution_name(o->selector.distribution));
    SHOW("hash", "%s",
         distribution_hashes_itself(o->selector.distribution) ? "its own"
                                                              : hash_name(o->selector.hash));
    SHOW("on_failure", "%s", on_failure_name(o->on_failure));
    SHOW("eject", "%s", pool_ejects(p) ? "twemproxy" : "none");
    SHOW("timeout", "%g", isinf(o->timeout) ? 0 : o->timeout);
    SHOW("servers", "%u", p->members_n);
    SHOW("in_ring", "%u", pool_living(p));
    SHOW("answering", "%u", pool_answering(p));
    SHOW("living", "%u", pool_living(p)); /* in_ring's old name, for one more version */
    for (uint32_t i = 0; i < p->members_n; i++) SHOW("server", "%s", p->members[i].backend->name);
    for (uint32_t i = 0; i < p->members_n; i++)
        if (p->members[i].drained) SHOW("drained", "%s", p->members[i].backend->name);
    for (uint32_t i = 0; i < p->members_n; i++)
        if (p->members[i].ejected) SHOW("ejected", "%s", p->members[i].backend->name);
    stats_show_pool(survey, o->name, out);
    const char *failure = p->discovery ? discovery_failure(p->discovery) : NULL;
    if (p->discovery) SHOW("discover", "%s", discovery_url(p->discovery));
    if (failure) SHOW("discover_failure", "%s", failure);
#undef SHOW
}

static void pools(const struct stats_source *s, struct outq *out)
{
    uint32_t n;
    struct pool *const *all = script_pools(*s->script, &n);
    struct survey *survey = survey_take(s->board);
    for (uint32_t i = 0; i < n; i++) show_pool(all[i], survey, out);
    survey_destroy(survey);
}

/* --- stats script ------------------------------------------------------------------------------ */

/* The shortest text that reads back as the same number. */
static void stat_real(struct outq *out, const char *name, double number)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    stat_line(out, name, "%s", text);
}

/* As in Prometheus, a bucket counts all values up to its bound, so it includes the buckets before it. */
static void show_histogram(const char *name, const struct metric_histogram *h, struct outq *out)
{
    char line[METRIC_NAME + 48];
    uint64_t count = 0;
    for (uint32_t i = 0; i < h->bounds_n; i++) {
        count += h->counts[i];
        snprintf(line, sizeof line, "%s:le_%g", name, h->bounds[i]);
        stat_line_number(out, line, count);
    }
    snprintf(line, sizeof line, "%s:count", name);
    stat_line_number(out, line, count + h->counts[h->bounds_n]);
    snprintf(line, sizeof line, "%s:sum", name);
    stat_real(out, line, h->sum);
}

static void show_metric(void *arg, enum metric_kind kind, const char *name, double value,
                        const struct metric_histogram *histogram)
{
    if (histogram)
        show_histogram(name, histogram, arg);
    else
        stat_real(arg, name, value);
}

static void show_shared(struct shared *s, struct shared_dict *d, struct outq *out)
{
    char name[SHARED_NAME + 32];
    struct shared_usage usage = shared_usage(s, d);
#define SHOW(field, number)                                                                        \
    snprintf(name, sizeof name, "shared:%s:%s", d->name, field);                                   \
    stat_line_number(out, name, number)
    SHOW("capacity", usage.capacity);
    SHOW("used", usage.used);
    SHOW("items", usage.items);
    SHOW("evictions", usage.evictions);
    SHOW("losses", usage.losses);
#undef SHOW
}

static void script(const struct stats_source *s, struct outq *out)
{
    struct shared *shared = s->board->shared;
    uint32_t n = __atomic_load_n(&shared->dicts_n, __ATOMIC_ACQUIRE);
    for (int kind = 0; kind < METRIC_KIND_COUNT; kind++)
        metrics_sum_each(s->board, (enum metric_kind)kind, show_metric, out);
    for (uint32_t i = 0; i < n; i++) show_shared(shared, &shared->dicts[i], out);
}

static void stores(const struct stats_source *s, struct outq *out)
{
    stats_stores(*s->script, out);
}

/* --- any --------------------------------------------------------------------------------------- */

/* As memcached does, it answers RESET alone, without END. */
static void reset(const struct stats_source *s, struct outq *out)
{
    board_reset(s->board);
    stores_reset(s->clients->turn, s->board);
    outq_append(out, "RESET\r\n", strlen("RESET\r\n"));
}

bool stats_answer(void *about, const char *what, size_t len, struct outq *out)
{
    static const struct {
        const char *name;
        void (*print)(const struct stats_source *s, struct outq *out);
        bool ends;
    } all[] = {{"", general, true},
               {"settings", settings, true},
               {"proxy", proxy, true},
               {"pools", pools, true},
               {"servers", stats_servers, true},
               {"stores", stores, true},
               {"commands", stats_commands, true},
               {"listeners", stats_listeners, true},
               {"comparisons", stats_comparisons, true},
               {"near", stats_near, true},
               {"leases", stats_leases, true},
               {"script", script, true},
               {"reset", reset, false}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strlen(all[i].name) != len || memcmp(all[i].name, what, len) != 0) continue;
        all[i].print(about, out);
        if (all[i].ends) outq_append(out, "END\r\n", strlen("END\r\n"));
        return true;
    }
    return false;
}
