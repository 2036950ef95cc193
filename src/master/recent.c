/* Rates and percentiles of a window are differences of two surveys: counters only grow, and so do the buckets of a histogram. The numbers
 * of all clients' requests are sums over the listeners, which `stats reset` leaves alone.
 *
 * An entry stays in the tables once it is made, so one that the older survey does not have began after it: from zero. A counter that is
 * smaller than before is another board's (an upgrade to a build with other counters); it tells nothing, and counts as no growth. */
#include "master/recent.h"

#include "base/process.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double EVERY = 1; /* seconds from one survey to the next */

/* --- differences ------------------------------------------------------------------------------- */

/* How many in all, by what entries of any kind have. */
struct tally {
    uint64_t requests, errors, hits, misses, bytes_read, bytes_written;
    struct latency latency;
};

static uint64_t errors_of(const struct survey_entry *e, enum survey_kind kind)
{
    const uint64_t *c = e->cells;
    switch (kind) {
    case SURVEY_SERVERS:
        return c[SURVEY_SERVER_server_errors] + c[SURVEY_SERVER_refused] +
               c[SURVEY_SERVER_timeouts] + c[SURVEY_SERVER_failed];
    case SURVEY_POOLS:
        return c[SURVEY_POOL_server_errors] + c[SURVEY_POOL_refused] + c[SURVEY_POOL_timeouts] +
               c[SURVEY_POOL_failed];
    case SURVEY_COMMANDS:
        return c[SURVEY_COMMAND_client_errors] + c[SURVEY_COMMAND_server_errors] +
               c[SURVEY_COMMAND_script_errors];
    case SURVEY_COMPARISONS:
        return c[SURVEY_COMPARISON_old_errors] + c[SURVEY_COMPARISON_new_errors];
    case SURVEY_NEARS: return 0;
    case SURVEY_LEASES: return c[SURVEY_LEASE_errors];
    default:
        return c[SURVEY_LISTENER_client_errors] + c[SURVEY_LISTENER_server_errors] +
               c[SURVEY_LISTENER_script_errors];
    }
}

static bool has_bytes(enum survey_kind kind)
{
    return kind == SURVEY_SERVERS || kind == SURVEY_POOLS || kind == SURVEY_LISTENERS;
}

static void tally_add(struct tally *t, const struct survey_entry *e, enum survey_kind kind)
{
    t->requests += survey_get(e, kind, "requests");
    t->errors += errors_of(e, kind);
    if (kind != SURVEY_COMPARISONS) {
        t->hits += survey_get(e, kind, "hits");
        t->misses += survey_get(e, kind, "misses");
    }
    if (has_bytes(kind)) {
        t->bytes_read += survey_get(e, kind, "bytes_read");
        t->bytes_written += survey_get(e, kind, "bytes_written");
    }
    latency_add(&t->latency, &e->latency);
}

static void grown(uint64_t *number, uint64_t before)
{
    *number = *number > before ? *number - before : 0;
}

static void tally_since(struct tally *t, const struct tally *before)
{
    grown(&t->requests, before->requests);
    grown(&t->errors, before->errors);
    grown(&t->hits, before->hits);
    grown(&t->misses, before->misses);
    grown(&t->bytes_read, before->bytes_read);
    grown(&t->bytes_written, before->bytes_written);
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        grown(&t->latency.counts[i], before->latency.counts[i]);
}

static struct recent_rates rates(const struct tally *t, double seconds, bool with_bytes)
{
    uint64_t keys = t->hits + t->misses;
    bool has_times = latency_count(&t->latency) > 0;
    return (struct recent_rates){.requests = (double)t->requests / seconds,
                                 .errors = (double)t->errors / seconds,
                                 .bytes_read = with_bytes ? (double)t->bytes_read / seconds : NAN,
                                 .bytes_written =
                                     with_bytes ? (double)t->bytes_written / seconds : NAN,
                                 .hit_rate = keys ? (double)t->hits / (double)keys : NAN,
                                 .p50 = has_times ? latency_percentile(&t->latency, 0.5) : NAN,
                                 .p99 = has_times ? latency_percentile(&t->latency, 0.99) : NAN};
}

static const struct recent_rates unknown = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};

/* The entry of that name, which is likely to be the one at that place. */
static const struct survey_entry *same(const struct survey *s, enum survey_kind kind,
                                       const char *name, size_t likely)
{
    const struct survey_list *list = &s->lists[kind];
    if (likely < list->n && strcmp(list->entries[likely].name, name) == 0)
        return &list->entries[likely];
    return survey_find(s, kind, name);
}

static struct recent_rates all_between(const struct survey *before, const struct survey *now)
{
    struct tally old = {0}, new = {0};
    const struct survey_list *was = &before->lists[SURVEY_LISTENERS];
    const struct survey_list *is = &now->lists[SURVEY_LISTENERS];
    for (size_t i = 0; i < was->n; i++) tally_add(&old, &was->entries[i], SURVEY_LISTENERS);
    for (size_t i = 0; i < is->n; i++) tally_add(&new, &is->entries[i], SURVEY_LISTENERS);
    tally_since(&new, &old);
    return rates(&new, now->taken - before->taken, true);
}

/* --- states ------------------------------------------------------------------------------------ */

const char *recent_state_word(enum recent_state state)
{
    static const char *const words[] = {
        [RECENT_READY] = "ready", [RECENT_DEGRADED] = "degraded", [RECENT_DOWN] = "down"};
    assert(state < sizeof words / sizeof *words);
    return words[state];
}

static enum recent_state state_of(uint64_t well, uint64_t all)
{
    return well == 0 ? RECENT_DOWN : well < all ? RECENT_DEGRADED : RECENT_READY;
}

enum recent_state recent_server_state(const struct survey_entry *server)
{
    return state_of(server->cells[SURVEY_SERVER_ready], server->cells[SURVEY_SERVER_connections]);
}

enum recent_state recent_pool_state(const struct survey_entry *pool)
{
    return state_of(pool->cells[SURVEY_POOL_answering], pool->cells[SURVEY_POOL_servers]);
}

/* A state that was there before goes on; one that is new began between the two surveys. */
static double since(const struct recent_moment *before, const struct survey_entry *server, size_t i)
{
    if (!before) return 0;
    const struct survey_entry *was = same(before->survey, SURVEY_SERVERS, server->name, i);
    if (!was || !was->is_used) return process_clock();
    if (recent_server_state(was) != recent_server_state(server)) return process_clock();
    return before->since[was - before->survey->lists[SURVEY_SERVERS].entries];
}

/* --- surveys ----------------------------------------------------------------------------------- */

static void moment_release(struct recent_moment *m)
{
    store_rows_release(&m->stores);
    survey_destroy(m->survey);
    free(m->since);
}

const struct recent_moment *recent_now(const struct recent *r)
{
    assert(r->moments_n <= RECENT_SURVEYS);
    return r->moments_n ? &r->moments[r->moments_n - 1] : NULL;
}

static void add_point(struct recent *r, const struct survey *before, const struct survey *now)
{
    struct recent_rates all = all_between(before, now);
    assert(r->points_n <= RECENT_POINTS);
    if (r->points_n == RECENT_POINTS)
        memmove(r->points, r->points + 1, --r->points_n * sizeof *r->points);
    r->points[r->points_n++] = (struct recent_point){.requests = all.requests,
                                                     .errors = all.errors,
                                                     .hit_rate = all.hit_rate,
                                                     .p50 = all.p50,
                                                     .p99 = all.p99};
}

/* Without memory for it there is none this time. */
void recent_take(struct recent *r)
{
    const struct recent_moment *before = recent_now(r);
    struct recent_moment now = {.survey = survey_take(r->board)};
    const struct survey_list *servers = now.survey ? &now.survey->lists[SURVEY_SERVERS] : NULL;
    if (servers) now.since = calloc(servers->n + 1, sizeof *now.since);
    if (!now.since || (before && now.survey->taken <= before->survey->taken)) {
        moment_release(&now);
        return;
    }
    now.stores = store_rows_take(r->storage);
    for (size_t i = 0; i < servers->n; i++) now.since[i] = since(before, &servers->entries[i], i);
    if (before) add_point(r, before->survey, now.survey);
    if (r->moments_n == RECENT_SURVEYS) {
        moment_release(&r->moments[0]);
        memmove(r->moments, r->moments + 1, --r->moments_n * sizeof *r->moments);
    }
    r->moments[r->moments_n++] = now;
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    recent_take(timer->data);
}

/* --- for the readers --------------------------------------------------------------------------- */

double recent_window(const struct recent *r)
{
    if (r->moments_n < 2) return 0;
    return recent_now(r)->survey->taken - r->moments[0].survey->taken;
}

struct recent_rates recent_entry_rates(const struct recent *r, enum survey_kind kind, size_t i)
{
    double seconds = recent_window(r);
    if (!(seconds > 0)) return unknown;
    const struct survey_list *list = &recent_now(r)->survey->lists[kind];
    assert(i < list->n);
    struct tally old = {0}, new = {0};
    const struct survey_entry *was = same(r->moments[0].survey, kind, list->entries[i].name, i);
    if (was) tally_add(&old, was, kind);
    tally_add(&new, &list->entries[i], kind);
    tally_since(&new, &old);
    return rates(&new, seconds, has_bytes(kind));
}

double recent_growth(const struct recent *r, enum survey_kind kind, size_t i, const char *cell)
{
    if (!(recent_window(r) > 0)) return NAN;
    const struct survey_entry *e = &recent_now(r)->survey->lists[kind].entries[i];
    const struct survey_entry *was = same(r->moments[0].survey, kind, e->name, i);
    uint64_t number = survey_get(e, kind, cell);
    if (was) grown(&number, survey_get(was, kind, cell));
    return (double)number;
}

double recent_waits_in_vain(const struct recent *r, size_t i)
{
    static const char *const ends[] = {"waits_missed", "waits_stale", "waits_value", "waits_won"};
    double ended = 0, in_vain = 0;
    for (unsigned e = 0; e < sizeof ends / sizeof *ends; e++) {
        double n = recent_growth(r, SURVEY_LEASES, i, ends[e]);
        ended += n;
        if (e < 2) in_vain += n;
    }
    return ended > 0 ? in_vain / ended : NAN;
}

/* The counts of a store since an earlier moment. */
static void store_since(struct store_row *row, const struct store_row *before)
{
    for (unsigned c = 0; c < STORE_COUNT_N; c++) grown(&row->counts[c], before->counts[c]);
    grown(&row->usage.evictions, before->usage.evictions);
}

/* A store that the older moments do not have may have been there: it comes from the process before, or from an earlier script. */
struct recent_store_rates recent_store_rates(const struct recent *r, size_t i)
{
    const struct recent_moment *now = recent_now(r), *then = r->moments;
    const struct store_row *before;
    struct store_row row = now->stores.all[i];
    while (!(before = store_rows_find(&then->stores, row.name))) then++;
    store_since(&row, before);
    double seconds = now->survey->taken - then->survey->taken;
    double found = (double)row.counts[STORE_COUNT_get_hits];
    double keys = found + (double)row.counts[STORE_COUNT_get_misses];
    bool is_known = seconds > 0;
    return (struct recent_store_rates){
        .gets = is_known ? (double)row.counts[STORE_COUNT_cmd_get] / seconds : NAN,
        .sets = is_known ? (double)row.counts[STORE_COUNT_cmd_set] / seconds : NAN,
        .evictions = is_known ? (double)row.usage.evictions / seconds : NAN,
        .hit_rate = keys > 0 ? found / keys : NAN,
        .used = (double)row.usage.bytes / (double)row.usage.size};
}

struct recent_rates recent_all_rates(const struct recent *r)
{
    if (!(recent_window(r) > 0)) return unknown;
    return all_between(r->moments[0].survey, recent_now(r)->survey);
}

/* --- life -------------------------------------------------------------------------------------- */

void recent_init(struct recent *r, struct ev_loop *loop, const struct board *board, bool is_on)
{
    *r = (struct recent){.loop = loop, .board = board, .is_on = is_on};
    ev_timer_init(&r->look, on_look, EVERY, EVERY);
    r->look.data = r;
    if (!is_on) return;
    recent_take(r);
    ev_timer_start(loop, &r->look);
}

void recent_stop(struct recent *r)
{
    ev_timer_stop(r->loop, &r->look);
}

void recent_release(struct recent *r)
{
    for (size_t i = 0; i < r->moments_n; i++) moment_release(&r->moments[i]);
    r->moments_n = 0;
}
