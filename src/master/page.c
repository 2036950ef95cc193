/* The page is a template (page/page.html). Here are its lists, and page_values.c has its values. What a name means depends on where it
 * stands: `{{requests}}` are all clients', and within a list those of the entry in hand.
 *
 * The server renders all of it, so that the page is complete without JavaScript; the script on it fetches the page again and takes over
 * what differs. So there is one place where a number becomes text, and one where a name is escaped. */
#include "master/page.h"

#include "base/page_files.h"
#include "base/process.h"
#include "master/page_state.h"
#include "master/template.h"
#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- what needs attention ---------------------------------------------------------------------- */

static void problem(struct page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void problem(struct page *p, const char *format, ...)
{
    va_list arguments;
    if (p->problems_n == PAGE_PROBLEMS) return;
    va_start(arguments, format);
    vsnprintf(p->problems[p->problems_n++], PAGE_PROBLEM, format, arguments);
    va_end(arguments);
}

static void find_pool_problems(struct page *p)
{
    const struct survey_list *pools = &p->now->lists[SURVEY_POOLS];
    for (size_t i = 0; i < pools->n; i++) {
        const struct survey_entry *e = &pools->entries[i];
        if (status_shows(e) && recent_pool_state(e) == RECENT_DOWN)
            problem(p, "Pool %s: no server answers.", e->name);
    }
}

static void find_server_problems(struct page *p)
{
    uint32_t down = p->states[RECENT_DOWN], degraded = p->states[RECENT_DEGRADED];
    if (down > 0) problem(p, "%u %s down.", down, down == 1 ? "server is" : "servers are");
    if (degraded > 0)
        problem(p, "%u %s connections that do not serve.", degraded,
                degraded == 1 ? "server has" : "servers have");
}

static void find_problems(struct page *p)
{
    const struct status_view *v = p->v;
    const struct journal_entry *last = journal_look(v->journal, 0);
    if (v->ready < v->workers) problem(p, "%u of %u workers serve.", v->ready, v->workers);
    if (v->runs_last_good)
        problem(p, "The last good script runs, and not what is in the script's file.");
    if (last && last->outcome == JOURNAL_REFUSED)
        problem(p, "The last reload was refused; generation %u goes on.", v->generation);
    if (last && last->outcome == JOURNAL_NOT_UPGRADED)
        problem(p, "The last upgrade failed; process %d goes on.", v->pid);
    if (!p->now) return;
    find_server_problems(p);
    find_pool_problems(p);
}

/* --- lists ------------------------------------------------------------------------------------- */

/* Goes to the next entry that is shown, from place `at` on. */
static bool take_entry(struct page *p, enum survey_kind kind, size_t at)
{
    const struct survey_list *list = p->now ? &p->now->lists[kind] : NULL;
    while (list && at < list->n && !status_shows(&list->entries[at])) at++;
    if (!list || at == list->n) {
        p->entry = NULL;
        p->rates = p->all;
        return false;
    }
    p->kind = kind;
    p->entry = &list->entries[at];
    p->entry_at = at;
    p->rates = recent_entry_rates(p->v->recent, kind, at);
    return true;
}

static bool next_entry(struct page *p, enum survey_kind kind, size_t i)
{
    return take_entry(p, kind, i == 0 ? 0 : p->entry_at + 1);
}

static bool item_servers(struct page *p, size_t i)
{
    size_t end = p->now ? p->now->lists[SURVEY_SERVERS].n : 0;
    return take_entry(p, SURVEY_SERVERS, i < p->servers_n ? p->servers[i] : end);
}

static bool item_pools(struct page *p, size_t i)
{
    return next_entry(p, SURVEY_POOLS, i);
}

static bool item_commands(struct page *p, size_t i)
{
    return next_entry(p, SURVEY_COMMANDS, i);
}

static bool item_listeners(struct page *p, size_t i)
{
    return next_entry(p, SURVEY_LISTENERS, i);
}

static bool item_near(struct page *p, size_t i)
{
    return next_entry(p, SURVEY_NEARS, i);
}

static bool item_leases(struct page *p, size_t i)
{
    return next_entry(p, SURVEY_LEASES, i);
}

static size_t stores_n(const struct page *p)
{
    const struct recent_moment *now = recent_now(p->v->recent);
    return now ? now->stores.n : 0;
}

static bool item_stores(struct page *p, size_t i)
{
    if (i >= stores_n(p)) return false;
    p->store = &recent_now(p->v->recent)->stores.all[i];
    p->store_rates = recent_store_rates(p->v->recent, i);
    return true;
}

static bool item_reloads(struct page *p, size_t i)
{
    p->reload = journal_look(p->v->journal, (uint32_t)i);
    return p->reload;
}

static bool item_hot_keys(struct page *p, size_t i)
{
    p->key = i < p->keys_n ? &p->keys[i] : NULL;
    return p->key;
}

static bool item_hot_clients(struct page *p, size_t i)
{
    p->client = i < p->clients_n ? &p->clients[i] : NULL;
    return p->client;
}

static bool item_log(struct page *p, size_t i)
{
    p->line = i < p->lines_n ? &p->lines[i] : NULL;
    return p->line;
}

static bool item_counters(struct page *p, size_t i)
{
    p->counter = i;
    return p->now && i < page_counters();
}

static bool item_problems(struct page *p, size_t i)
{
    p->problem = i;
    return i < p->problems_n;
}

/* --- parts that are there or not: lists of at most one item ------------------------------------- */

static bool any_entry(struct page *p, enum survey_kind kind)
{
    const struct survey_list *list = p->now ? &p->now->lists[kind] : NULL;
    for (size_t i = 0; list && i < list->n; i++)
        if (status_shows(&list->entries[i])) return true;
    return false;
}

#define PART(name, condition)                                                                      \
    static bool item_##name(struct page *p, size_t i)                                              \
    {                                                                                              \
        return i == 0 && (condition);                                                              \
    }
PART(has_problems, p->problems_n > 0)
PART(has_servers, any_entry(p, SURVEY_SERVERS))
PART(has_pools, any_entry(p, SURVEY_POOLS))
PART(has_commands, any_entry(p, SURVEY_COMMANDS))
PART(has_listeners, any_entry(p, SURVEY_LISTENERS))
PART(has_stores, stores_n(p) > 0)
PART(has_near, any_entry(p, SURVEY_NEARS))
PART(has_leases, any_entry(p, SURVEY_LEASES))
PART(keys_shown, p->what &STATUS_KEYS)
PART(script, p->v->script)
PART(has_hot_keys, p->keys_n > 0)
PART(has_hot_clients, p->clients_n > 0)
PART(window, recent_window(p->v->recent) > 0)
PART(age, p->entry && !isnan(status_state_age(p->v->recent, p->entry_at)))
PART(repeated, p->reload && p->reload->times > 1)

static bool page_item(void *arg, const char *list, size_t i)
{
    static const struct {
        const char *name;
        bool (*item)(struct page *p, size_t i);
    } lists[] = {
#define LIST(name) {#name, item_##name}
        LIST(servers),       LIST(pools),
        LIST(commands),      LIST(listeners),
        LIST(reloads),       LIST(log),
        LIST(counters),      LIST(problems),
        LIST(has_problems),  LIST(has_servers),
        LIST(has_pools),     LIST(has_commands),
        LIST(keys_shown),    LIST(script),
        LIST(has_listeners), LIST(window),
        LIST(age),           LIST(repeated),
        LIST(hot_keys),      LIST(hot_clients),
        LIST(has_hot_keys),  LIST(has_hot_clients),
        LIST(stores),        LIST(has_stores),
        LIST(near),          LIST(has_near),
        LIST(leases),        LIST(has_leases),
#undef LIST
    };
    size_t n = sizeof lists / sizeof *lists, l = 0;
    while (l < n && strcmp(lists[l].name, list) != 0) l++;
    assert(l < n);
    return l < n && lists[l].item(arg, i);
}

/* --- the whole --------------------------------------------------------------------------------- */

/* Those that are down first, then those that are degraded: the eye looks there. Without memory none is shown. */
static void sort_servers(struct page *p)
{
    const struct survey_list *list = &p->now->lists[SURVEY_SERVERS];
    p->servers = calloc(list->n + 1, sizeof *p->servers);
    for (int state = RECENT_DOWN; p->servers && state >= RECENT_READY; state--)
        for (size_t i = 0; i < list->n; i++) {
            const struct survey_entry *e = &list->entries[i];
            if (!status_shows(e) || (int)recent_server_state(e) != state) continue;
            p->servers[p->servers_n++] = i;
            p->states[state]++;
        }
}

static void find_busiest(struct page *p)
{
    for (unsigned kind = 0; kind < SURVEY_KINDS; kind++)
        for (size_t i = 0; i < p->now->lists[kind].n; i++) {
            struct recent_rates r = recent_entry_rates(p->v->recent, (enum survey_kind)kind, i);
            p->busiest[kind] = fmax(p->busiest[kind], r.requests);
        }
}

/* What clients have sent, for those who may see it. */
static void find_keys(struct page *p)
{
    double now = process_clock();
    p->keys_n = heat_merge(p->v->recent->board, HEAT_KEYS, now, p->keys, PAGE_HOTTEST);
    p->clients_n = hot_clients(p->v->recent->board, now, p->clients);
    if (p->clients_n > PAGE_HOTTEST) p->clients_n = PAGE_HOTTEST;
    p->lines = calloc(LOG_TAIL_LINES, sizeof *p->lines);
    if (p->lines) p->lines_n = log_tail_read(p->lines, LOG_TAIL_LINES);
}

void page_write(const struct status_view *v, unsigned what, FILE *out)
{
    const struct recent_moment *moment = recent_now(v->recent);
    struct page p = {.v = v,
                     .what = what,
                     .now = moment ? moment->survey : NULL,
                     .all = recent_all_rates(v->recent)};
    struct template_keeper keeper = {page_value, page_item, &p};
    p.rates = p.all;
    if (p.now) {
        sort_servers(&p);
        find_busiest(&p);
    }
    find_problems(&p);
    if (what & STATUS_KEYS) find_keys(&p);
    template_write(page_html, &keeper, out);
    free(p.servers);
    free(p.lines);
}
