/* The format: https://prometheus.io/docs/instrumenting/exposition_formats/, and the naming rules that promtool checks: base units,
 * `_total` behind counters, HELP and TYPE before the first sample, all samples of a metric together.
 *
 * Cells of the board have memcached's names. Their units are in these names (bytes_read, user_us), so rules turn most of them into
 * Prometheus' form; `renamed` has the others. A script's metrics keep their names as the value of a label: so any name is
 * possible, and none can be taken for one of moongate's own.
 *
 * Times are counted in fine buckets (base/latency.h) and shown in few. A fine bucket counts for a bound if it ends at the bound or
 * below, to within its own width: at most 6 %. */
#include "master/exposition.h"

#include "base/metrics_sum.h"
#include "base/shared.h"
#include "base/utf8.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Seconds. */
static const double bounds[] = {50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3,
                                50e-3, 100e-3, 250e-3, 500e-3, 1,    2.5,    5,    10};

/* How far a fine bucket may reach beyond the bound that it counts for. */
static const double SLACK = 1 + 1.0 / LATENCY_STEPS;

/* --- names ------------------------------------------------------------------------------------ */

/* Cells whose names do not say what is counted. */
static const struct {
    const char *cell, *name;
} renamed[] = {{"ready", "workers_ready"},
               {"generation", "script_generation"},
               {"generations", "script_generations"},
               {"script_memory", "script_memory_bytes"},
               {"tls_loaded", "tls_loaded_timestamp_seconds"},
               {"tls_expires", "tls_expiry_timestamp_seconds"},
               {"bytes_read", "client_read_bytes"},
               {"bytes_written", "client_written_bytes"},
               {"user_us", "cpu_user_seconds"},
               {"system_us", "cpu_system_seconds"}};

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len >= n && strcmp(text + len - n, end) == 0;
}

/* bytes_read -> read_bytes; longest_turn_us -> longest_turn_seconds; total_connections -> connections. A server's errors are not called
 * server_server_errors. */
static void put_name(char *text, size_t size, const char *prefix, const char *cell)
{
    if (strncmp(cell, "total_", 6) == 0 || strncmp(cell, "curr_", 5) == 0)
        cell = strchr(cell, '_') + 1;
    if (strcmp(prefix, "server_") == 0 && strcmp(cell, "server_errors") == 0) cell = "errors";
    if (strncmp(cell, "bytes_", 6) == 0)
        snprintf(text, size, "moongate_%s%s_bytes", prefix, cell + 6);
    else if (ends_with(cell, "_us"))
        snprintf(text, size, "moongate_%s%.*s_seconds", prefix, (int)strlen(cell) - 3, cell);
    else
        snprintf(text, size, "moongate_%s%s", prefix, cell);
}

const char *exposition_name(char *text, const char *prefix, const struct survey_cell *cell,
                            double *scale)
{
    const char *name = NULL;
    *scale = ends_with(cell->name, "_us") ? 1e-6 : 1;
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed && !prefix[0]; i++)
        if (strcmp(renamed[i].cell, cell->name) == 0) name = renamed[i].name;
    if (name)
        snprintf(text, EXPOSITION_NAME, "moongate_%s", name);
    else
        put_name(text, EXPOSITION_NAME, prefix, cell->name);
    if (cell->kind == COUNTER) strncat(text, "_total", EXPOSITION_NAME - strlen(text) - 1);
    return text;
}

/* Names that differ must differ here: two samples with the same labels would make the document invalid. So a backslash before an x,
 * which could be taken for a byte that cannot be shown, is written as such a byte, too. Most names are plain and go out in one
 * piece: this is called for each sample. */
void exposition_label(FILE *to, const char *value)
{
    const unsigned char *c = (const unsigned char *)value, *end = c + strlen(value), *plain = c;
    while (c < end) {
        size_t len = utf8_length(c, (size_t)(end - c));
        bool is_shown = len > 0 && !utf8_is_control(c, len) && !(c[0] == '\\' && c[1] == 'x');
        bool is_plain = is_shown && *c != '"' && *c != '\\';
        if (!is_plain) {
            fwrite(plain, 1, (size_t)(c - plain), to);
            fprintf(to, is_shown ? "\\%c" : "\\\\x%02x", *c);
            plain = c + 1;
        }
        c += is_plain ? len : 1;
    }
    fwrite(plain, 1, (size_t)(end - plain), to);
}

/* What a HELP line says: a sentence. The unit is in the metric's name, and may differ from the cell's. */
static void begin(FILE *to, const char *name, const char *type, const char *meaning)
{
    static const char unit[] = "microseconds of ";
    if (strncmp(meaning, unit, strlen(unit)) == 0) meaning += strlen(unit);
    fprintf(to, "# HELP %s %s.\n# TYPE %s %s\n", name, meaning, name, type);
}

static void put_number(FILE *to, double value)
{
    if (isnan(value))
        fputs("NaN\n", to);
    else if (isinf(value))
        fputs(value > 0 ? "+Inf\n" : "-Inf\n", to);
    else
        fprintf(to, "%.17g\n", value);
}

/* A whole number, unless it has another unit here. */
static void put_cell(FILE *to, uint64_t cell, double scale)
{
    if (scale == 1)
        fprintf(to, "%" PRIu64 "\n", cell);
    else
        fprintf(to, "%.6f\n", (double)cell * scale);
}

static void put_labelled(FILE *to, const char *name, const char *suffix, const char *label,
                         const char *value)
{
    fprintf(to, "%s%s{%s=\"", name, suffix, label);
    exposition_label(to, value);
    fputs("\"} ", to);
}

static void gauge(FILE *to, const char *name, const char *meaning, double value)
{
    begin(to, name, "gauge", meaning);
    fprintf(to, "%s ", name);
    put_number(to, value);
}

/* --- the board's row -------------------------------------------------------------------------- */

static const struct survey_cell row_cells[] = {
#define X(name, kind, meaning) {#name, kind, meaning},
    BOARD_CELLS(X)
#undef X
};

static void put_row(const struct exposition *e, FILE *to)
{
    const struct board_row *row = &e->survey->row;
    const uint64_t values[] = {
#define X(name, kind, meaning) row->name,
        BOARD_CELLS(X)
#undef X
    };
    char name[EXPOSITION_NAME];
    double scale;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        exposition_name(name, "", &row_cells[i], &scale);
        begin(to, name, row_cells[i].kind == COUNTER ? "counter" : "gauge", row_cells[i].meaning);
        fprintf(to, "%s ", name);
        put_cell(to, values[i], scale);
    }
}

/* --- servers, pools and others ------------------------------------------------------ */

static const struct {
    const char *label, *prefix, *times, *meaning;
} kinds[SURVEY_KINDS] = {
    [SURVEY_SERVERS] = {"server", "server_", "moongate_server_response_seconds",
                        "time from a call to its response"},
    [SURVEY_POOLS] = {"pool", "pool_", "moongate_pool_response_seconds",
                      "time from a call to its response"},
    [SURVEY_COMMANDS] = {"command", "command_", "moongate_command_request_seconds",
                         "time from a request to its whole reply"},
    [SURVEY_LISTENERS] = {"listener", "listener_", "moongate_listener_request_seconds",
                          "time from a request to its whole reply"},
    [SURVEY_COMPARISONS] = {"comparison", "comparison_", "moongate_comparison_new_seconds",
                            "time from a read that is compared to the new route's answer"},
    [SURVEY_NEARS] = {"near", "near_", "moongate_near_passed_seconds",
                      "time from a read that no copy has answered to the route's answer"},
    [SURVEY_LEASES] = {"lease", "lease_", "moongate_lease_wait_seconds",
                       "time that reads waited for the set of another client"},
};

static void put_cells(const struct exposition *e, enum survey_kind kind, FILE *to)
{
    const struct survey_list *list = &e->survey->lists[kind];
    size_t n;
    const struct survey_cell *cells = survey_cells(kind, &n);
    for (size_t c = 0; c < n; c++) {
        char name[EXPOSITION_NAME];
        double scale;
        exposition_name(name, kinds[kind].prefix, &cells[c], &scale);
        begin(to, name, cells[c].kind == COUNTER ? "counter" : "gauge", cells[c].meaning);
        for (size_t i = 0; i < list->n; i++) {
            if (!list->entries[i].is_used) continue;
            put_labelled(to, name, "", kinds[kind].label, list->entries[i].name);
            put_cell(to, list->entries[i].cells[c], scale);
        }
    }
}

/* The shortest text that is that number and no other: scripts choose bounds of their own. */
static void put_bound(FILE *to, double bound)
{
    char text[32];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, bound);
        if (strtod(text, NULL) == bound) break;
    }
    fputs(text, to);
}

/* One bucket's line. */
static void put_bucket(FILE *to, const char *name, const char *label, const char *value,
                       double bound, uint64_t count)
{
    fprintf(to, "%s_bucket{%s=\"", name, label);
    exposition_label(to, value);
    fputs("\",le=\"", to);
    if (isinf(bound))
        fputs("+Inf", to);
    else
        put_bound(to, bound);
    fprintf(to, "\"} %" PRIu64 "\n", count);
}

static void put_times(FILE *to, const char *name, const char *label,
                      const struct survey_entry *entry)
{
    const struct latency *l = &entry->latency;
    uint64_t count = 0;
    unsigned fine = 0;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        while (fine < LATENCY_BUCKETS && latency_limit(fine) < bounds[i] * SLACK)
            count += l->counts[fine++];
        put_bucket(to, name, label, entry->name, bounds[i], count);
    }
    while (fine < LATENCY_BUCKETS) count += l->counts[fine++];
    put_bucket(to, name, label, entry->name, INFINITY, count);
    put_labelled(to, name, "_sum", label, entry->name);
    fprintf(to, "%.6f\n", (double)l->sum_us * 1e-6);
    put_labelled(to, name, "_count", label, entry->name);
    fprintf(to, "%" PRIu64 "\n", count);
}

static void put_list(const struct exposition *e, enum survey_kind kind, FILE *to)
{
    const struct survey_list *list = &e->survey->lists[kind];
    put_cells(e, kind, to);
    begin(to, kinds[kind].times, "histogram", kinds[kind].meaning);
    for (size_t i = 0; i < list->n; i++)
        if (list->entries[i].is_used)
            put_times(to, kinds[kind].times, kinds[kind].label, &list->entries[i]);
}

/* --- scripts ---------------------------------------------------------------------------------- */

static void put_counter(void *to, enum metric_kind kind, const char *name, double value,
                        const struct metric_histogram *histogram)
{
    put_labelled(to,
                 kind == METRIC_GAUGE ? "moongate_script_value" : "moongate_script_events_total",
                 "", "name", name);
    put_number(to, value);
}

static void put_histogram(void *to, enum metric_kind kind, const char *name, double value,
                          const struct metric_histogram *h)
{
    static const char metric[] = "moongate_script_observations";
    uint64_t count = 0;
    for (uint32_t i = 0; i < h->bounds_n; i++) {
        count += h->counts[i];
        put_bucket(to, metric, "name", name, h->bounds[i], count);
    }
    count += h->counts[h->bounds_n];
    put_bucket(to, metric, "name", name, INFINITY, count);
    put_labelled(to, metric, "_sum", "name", name);
    put_number(to, h->sum);
    put_labelled(to, metric, "_count", "name", name);
    fprintf(to, "%" PRIu64 "\n", count);
}

static void put_script(const struct exposition *e, FILE *to)
{
    begin(to, "moongate_script_events_total", "counter", "counters of the script, mg.counter");
    metrics_sum_each(e->board, METRIC_COUNTER, put_counter, to);
    begin(to, "moongate_script_value", "gauge", "gauges of the script, mg.gauge");
    metrics_sum_each(e->board, METRIC_GAUGE, put_counter, to);
    begin(to, "moongate_script_observations", "histogram",
          "histograms of the script, mg.histogram");
    metrics_sum_each(e->board, METRIC_HISTOGRAM, put_histogram, to);
}

/* One field of each dictionary. */
static void put_dictionaries(const struct exposition *e, FILE *to)
{
    struct shared *s = e->board->shared;
    uint32_t n = __atomic_load_n(&s->dicts_n, __ATOMIC_ACQUIRE);
    struct shared_usage usages[SHARED_DICTS];
    for (uint32_t i = 0; i < n; i++) usages[i] = shared_usage(s, &s->dicts[i]);
#define PUT(field, metric, type, meaning)                                                          \
    begin(to, metric, type, meaning);                                                              \
    for (uint32_t i = 0; i < n; i++) {                                                             \
        put_labelled(to, metric, "", "dictionary", s->dicts[i].name);                              \
        put_cell(to, usages[i].field, 1);                                                          \
    }
    PUT(capacity, "moongate_dictionary_capacity_bytes", "gauge", "bytes for keys and values")
    PUT(used, "moongate_dictionary_used_bytes", "gauge", "bytes that they take")
    PUT(items, "moongate_dictionary_items", "gauge", "values in a dictionary of mg.shared")
    PUT(evictions, "moongate_dictionary_evictions_total", "counter",
        "values removed because the dictionary was full")
    PUT(losses, "moongate_dictionary_losses_total", "counter",
        "times that it was emptied because a worker died while changing it")
#undef PUT
}

/* --- the service ------------------------------------------------------------------------------ */

/* The newest entry that is about a reload; NULL: there was none. */
static const struct journal_entry *last_reload(const struct journal *j)
{
    const struct journal_entry *entry;
    for (uint32_t i = 0; (entry = journal_look(j, i)); i++)
        if (entry->outcome == JOURNAL_ACCEPTED || entry->outcome == JOURNAL_REFUSED ||
            entry->outcome == JOURNAL_ROLLED_BACK)
            return entry;
    return NULL;
}

static void put_reloads(const struct exposition *e, FILE *to)
{
    const struct journal_entry *last = last_reload(e->journal);
    gauge(to, "moongate_last_reload_successful",
          "1 unless the last reload was refused or its script was rolled back",
          !last || last->outcome == JOURNAL_ACCEPTED);
    if (!last) return;
    gauge(to, "moongate_last_reload_timestamp_seconds",
          "when the last reload ended, in seconds since 1970", (double)last->time);
    begin(to, "moongate_last_reload_info", "gauge", "how the last reload ended, and why");
    fputs("moongate_last_reload_info{outcome=\"", to);
    exposition_label(to, journal_word(last->outcome));
    if (e->shows_reasons) {
        fputs("\",reason=\"", to);
        exposition_label(to, last->reason);
    }
    fputs("\"} 1\n", to);
}

void exposition_write(const struct exposition *e, FILE *to)
{
    begin(to, "moongate_build_info", "gauge", "always 1; the version is a label");
    put_labelled(to, "moongate_build_info", "", "version", e->version);
    fputs("1\n", to);
    gauge(to, "moongate_uptime_seconds", "time since the service started", e->survey->uptime);
    gauge(to, "moongate_start_time_seconds", "when the service started, in seconds since 1970",
          e->now - e->survey->uptime);
    gauge(to, "moongate_workers", "worker processes that are to be", e->workers);
    gauge(to, "moongate_hot_keys", "keys with more than 1 % of the requests", e->hot_keys);
    put_row(e, to);
    put_reloads(e, to);
    for (int kind = 0; kind < SURVEY_KINDS; kind++) put_list(e, (enum survey_kind)kind, to);
    put_script(e, to);
    put_dictionaries(e, to);
}
