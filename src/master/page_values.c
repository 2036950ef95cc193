/* The values of the page, by their names in page/page.html: a function for each. */
#include "master/page_state.h"

#include "base/heat.h"
#include "base/html.h"
#include "base/log.h"
#include "base/page_files.h"
#include "base/process.h"
#include "master/trend.h"
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- the service ------------------------------------------------------------------------------- */

static void put_host(const struct page *p, FILE *out)
{
    char name[256] = "";
    (void)gethostname(name, sizeof name - 1);
    html_text(out, name);
}

static void put_state_class(const struct page *p, FILE *out)
{
    fputs(strcmp(p->v->state, "running") == 0 ? "good" : "fair", out);
}

static void put_uptime(const struct page *p, FILE *out)
{
    html_duration(out, p->now ? p->now->uptime : NAN);
}

static void put_time(const struct page *p, FILE *out)
{
    html_time(out, time(NULL));
}

/* `48 ready, 1 degraded, 1 down` */
static void put_servers_summary(const struct page *p, FILE *out)
{
    const char *before = "";
    for (int state = RECENT_READY; state <= RECENT_DOWN; state++) {
        if (p->states[state] == 0) continue;
        fprintf(out, "%s%u %s", before, p->states[state],
                recent_state_word((enum recent_state)state));
        before = ", ";
    }
}

static void put_clients(const struct page *p, FILE *out)
{
    html_number(out, p->now ? p->now->row.curr_connections : 0);
}

/* --- an entry ---------------------------------------------------------------------------------- */

static enum recent_state entry_state(const struct page *p)
{
    return p->kind == SURVEY_POOLS ? recent_pool_state(p->entry) : recent_server_state(p->entry);
}

static void put_mark(const struct page *p, FILE *out)
{
    static const char *const marks[] = {
        [RECENT_READY] = "good", [RECENT_DEGRADED] = "fair", [RECENT_DOWN] = "bad"};
    fputs(marks[entry_state(p)], out);
}

static void put_age(const struct page *p, FILE *out)
{
    html_duration(out, status_state_age(p->v->recent, p->entry_at));
}

static void put_cell(const struct page *p, const char *cell, FILE *out)
{
    html_number(out, survey_get(p->entry, p->kind, cell));
}

/* How often a second the entry has counted that. */
static void put_growth(const struct page *p, const char *cell, FILE *out)
{
    double grown = recent_growth(p->v->recent, p->kind, p->entry_at, cell);
    html_count(out, grown / recent_window(p->v->recent));
}

/* The length of a bar, of 100. */
static void put_share(const struct page *p, FILE *out)
{
    double most = p->busiest[p->kind], share = most > 0 ? p->rates.requests / most : 0;
    fprintf(out, "%.0f", isnan(share) ? 0 : fmin(share, 1) * 100);
}

/* --- the last minute --------------------------------------------------------------------------- */

/* member of struct recent_point, what is at the upper edge; 0: the largest number */
#define MINUTE(p, name, upper)                                                                     \
    {                                                                                              \
        (p)->v->recent, offsetof(struct recent_point, name),                                       \
            (upper) > 0 ? (upper)                                                                  \
                        : trend_most((p)->v->recent, offsetof(struct recent_point, name))          \
    }

#define TREND(word, name, upper, put)                                                              \
    static void put_line_##word(const struct page *p, FILE *out)                                   \
    {                                                                                              \
        trend_line(&(struct trend)MINUTE(p, name, upper), out);                                    \
    }                                                                                              \
    static void put_area_##word(const struct page *p, FILE *out)                                   \
    {                                                                                              \
        trend_area(&(struct trend)MINUTE(p, name, upper), out);                                    \
    }                                                                                              \
    static void put_trend_##word(const struct page *p, FILE *out)                                  \
    {                                                                                              \
        trend_words(&(struct trend)MINUTE(p, name, upper), put, out);                              \
    }
TREND(requests, requests, 0.0, html_count)
TREND(errors, errors, 0.0, html_count)
TREND(hits, hit_rate, 1.0, html_share)
TREND(p99, p99, 0.0, html_latency)

/* On the scale of p99, as both are in one drawing. */
static void put_line_p50(const struct page *p, FILE *out)
{
    double most = trend_most(p->v->recent, offsetof(struct recent_point, p99));
    struct trend t = {p->v->recent, offsetof(struct recent_point, p50), most};
    trend_line(&t, out);
}

/* --- events ------------------------------------------------------------------------------------ */

static void put_outcome_class(const struct page *p, FILE *out)
{
    static const char *const marks[] = {[JOURNAL_STARTED] = "good",
                                        [JOURNAL_ACCEPTED] = "good",
                                        [JOURNAL_REFUSED] = "bad",
                                        [JOURNAL_ROLLED_BACK] = "fair",
                                        [JOURNAL_NOT_UPGRADED] = "bad"};
    assert(p->reload->outcome < sizeof marks / sizeof *marks);
    fputs(marks[p->reload->outcome], out);
}

static void put_reason(const struct page *p, FILE *out)
{
    if (p->what & STATUS_KEYS || !journal_may_hold_keys(p->reload))
        html_text(out, p->reload->reason);
    else
        fputs("The log says why.", out); /* a key may be in it */
}

static time_t line_time(const struct page *p)
{
    return (time_t)(p->line->time_ms / 1000);
}

/* --- counters ---------------------------------------------------------------------------------- */

static const char *const counters[] = {
#define X(name, kind, meaning) #name,
    BOARD_CELLS(X)
#undef X
};

size_t page_counters(void)
{
    return sizeof counters / sizeof *counters;
}

static uint64_t counter_at(const struct board_row *row, size_t i)
{
    const uint64_t cells[] = {
#define X(name, kind, meaning) row->name,
        BOARD_CELLS(X)
#undef X
    };
    assert(i < sizeof cells / sizeof *cells);
    return cells[i];
}

/* --- by name ----------------------------------------------------------------------------------- */

/* name, statement */
#define VALUES(X)                                                                                  \
    X(css, fputs(page_css, out))                                                                   \
    X(js, fputs(page_js, out))                                                                     \
    X(host, put_host(p, out))                                                                      \
    X(state, html_text(out, p->v->state))                                                          \
    X(state_class, put_state_class(p, out))                                                        \
    X(version, html_text(out, p->v->version))                                                      \
    X(pid, fprintf(out, "%d", p->v->pid))                                                          \
    X(workers, html_number(out, p->v->workers))                                                    \
    X(workers_ready, html_number(out, p->v->ready))                                                \
    X(generation, html_number(out, p->v->generation))                                              \
    X(script, html_text(out, p->v->script))                                                        \
    X(uptime, put_uptime(p, out))                                                                  \
    X(time, put_time(p, out))                                                                      \
    X(window, fprintf(out, "%.0f", recent_window(p->v->recent)))                                   \
    X(clients, put_clients(p, out))                                                                \
    X(servers_summary, put_servers_summary(p, out))                                                \
    X(problem, html_text(out, p->problems[p->problem]))                                            \
    X(requests, html_count(out, p->rates.requests))                                                \
    X(errors, html_count(out, p->rates.errors))                                                    \
    X(hit_rate, html_share(out, p->rates.hit_rate))                                                \
    X(p50, html_latency(out, p->rates.p50))                                                        \
    X(p99, html_latency(out, p->rates.p99))                                                        \
    X(bytes_read, html_size(out, p->rates.bytes_read))                                             \
    X(bytes_written, html_size(out, p->rates.bytes_written))                                       \
    X(name, html_text(out, p->entry->name))                                                        \
    X(state_word, html_text(out, status_word(p->entry, p->kind)))                                  \
    X(mark, put_mark(p, out))                                                                      \
    X(age, put_age(p, out))                                                                        \
    X(share, put_share(p, out))                                                                    \
    X(in_flight, put_cell(p, "in_flight", out))                                                    \
    X(answering, put_cell(p, "answering", out))                                                    \
    X(members, put_cell(p, "servers", out))                                                        \
    X(store, html_text(out, p->store->name))                                                       \
    X(store_size, html_size(out, (double)p->store->usage.size))                                    \
    X(store_items, html_number(out, p->store->usage.items))                                        \
    X(store_used, html_share(out, p->store_rates.used))                                            \
    X(store_bar, fprintf(out, "%.0f", fmin(p->store_rates.used, 1) * 100))                         \
    X(store_gets, html_count(out, p->store_rates.gets))                                            \
    X(store_hits, html_share(out, p->store_rates.hit_rate))                                        \
    X(store_sets, html_count(out, p->store_rates.sets))                                            \
    X(store_evictions, html_count(out, p->store_rates.evictions))                                  \
    X(copies, put_growth(p, "copies", out))                                                        \
    X(waiting, put_cell(p, "waiting", out))                                                        \
    X(waits, put_growth(p, "waits", out))                                                          \
    X(in_vain, html_share(out, recent_waits_in_vain(p->v->recent, p->entry_at)))                   \
    X(wins, put_growth(p, "wins", out))                                                            \
    X(connected, put_cell(p, "curr_connections", out))                                             \
    X(line_requests, put_line_requests(p, out))                                                    \
    X(area_requests, put_area_requests(p, out))                                                    \
    X(trend_requests, put_trend_requests(p, out))                                                  \
    X(line_errors, put_line_errors(p, out))                                                        \
    X(area_errors, put_area_errors(p, out))                                                        \
    X(trend_errors, put_trend_errors(p, out))                                                      \
    X(line_hits, put_line_hits(p, out))                                                            \
    X(area_hits, put_area_hits(p, out))                                                            \
    X(trend_hits, put_trend_hits(p, out))                                                          \
    X(line_p99, put_line_p99(p, out))                                                              \
    X(area_p99, put_area_p99(p, out))                                                              \
    X(trend_p99, put_trend_p99(p, out))                                                            \
    X(line_p50, put_line_p50(p, out))                                                              \
    X(event_time, html_time(out, p->reload->time))                                                 \
    X(event_machine_time, html_machine_time(out, p->reload->time))                                 \
    X(event_generation, html_number(out, p->reload->generation))                                   \
    X(outcome, html_text(out, journal_word(p->reload->outcome)))                                   \
    X(outcome_class, put_outcome_class(p, out))                                                    \
    X(repeated, html_number(out, p->reload->times))                                                \
    X(reason, put_reason(p, out))                                                                  \
    X(key, html_bytes(out, p->key->name, p->key->len))                                             \
    X(key_share, html_share(out, p->key->share))                                                   \
    X(key_rate, html_count(out, p->key->rate))                                                     \
    X(key_bar, fprintf(out, "%.0f", fmin(p->key->share, 1) * 100))                                 \
    X(client, html_text(out, p->client->address))                                                  \
    X(client_share, html_share(out, p->client->share))                                             \
    X(client_rate, html_count(out, p->client->rate))                                               \
    X(client_bytes, html_size(out, p->client->bytes_rate))                                         \
    X(hot_count, html_number(out, heat_count(p->v->recent->board, process_clock())))               \
    X(lines, html_number(out, p->lines_n))                                                         \
    X(line_time, html_time(out, line_time(p)))                                                     \
    X(line_machine_time, html_machine_time(out, line_time(p)))                                     \
    X(level, html_text(out, log_level_word(p->line->level)))                                       \
    X(role, html_text(out, p->line->role))                                                         \
    X(message, html_text(out, p->line->text))                                                      \
    X(counter, fputs(counters[p->counter], out))                                                   \
    X(number, html_number(out, counter_at(&p->now->row, p->counter)))

#define X(name, statement)                                                                         \
    static void value_##name(const struct page *p, FILE *out)                                      \
    {                                                                                              \
        statement;                                                                                 \
    }
VALUES(X)
#undef X

bool page_value(void *arg, const char *name, FILE *out)
{
    static const struct {
        const char *name;
        void (*put)(const struct page *p, FILE *out);
    } values[] = {
#define X(name, statement) {#name, value_##name},
        VALUES(X)
#undef X
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (strcmp(values[i].name, name) != 0) continue;
        values[i].put(arg, out);
        return true;
    }
    return false;
}
