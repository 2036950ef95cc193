#include "master/status.h"

#include "base/log_tail.h"
#include "base/process.h"
#include "master/hot.h"
#include "worker/stats_stores.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool status_shows(const struct survey_entry *e)
{
    return e->is_used;
}

const char *status_word(const struct survey_entry *e, enum survey_kind kind)
{
    if (kind == SURVEY_SERVERS) return recent_state_word(recent_server_state(e));
    if (kind == SURVEY_POOLS) return recent_state_word(recent_pool_state(e));
    return NULL;
}

double status_state_age(const struct recent *r, size_t i)
{
    double since = recent_now(r)->since[i];
    return since > 0 ? process_clock() - since : NAN;
}

/* --- rates ------------------------------------------------------------------------------------- */

static void put_us(struct json *out, const char *name, double seconds)
{
    if (isnan(seconds))
        json_null(out, name);
    else
        json_number(out, name, (uint64_t)llround(seconds * 1e6));
}

static void put_rates(struct json *out, const struct recent_rates *r)
{
    json_fraction(out, "requests_per_second", r->requests);
    json_fraction(out, "errors_per_second", r->errors);
    json_fraction(out, "hit_rate", r->hit_rate);
    put_us(out, "p50_us", r->p50);
    put_us(out, "p99_us", r->p99);
    json_fraction(out, "bytes_read_per_second", r->bytes_read);
    json_fraction(out, "bytes_written_per_second", r->bytes_written);
}

/* One number of each second. at: its place in struct recent_point. */
static void put_points(struct json *out, const struct recent *r, const char *name, size_t at,
                       void (*put)(struct json *out, const char *name, double number))
{
    json_list(out, name);
    for (size_t i = 0; i < r->points_n; i++) {
        const char *point = (const char *)&r->points[i];
        put(out, NULL, *(const double *)(const void *)(point + at));
    }
    json_list_end(out);
}

static void put_history(struct json *out, const struct recent *r)
{
    json_object(out, "history");
    json_number(out, "seconds", 1);
    put_points(out, r, "requests_per_second", offsetof(struct recent_point, requests),
               json_fraction);
    put_points(out, r, "errors_per_second", offsetof(struct recent_point, errors), json_fraction);
    put_points(out, r, "hit_rate", offsetof(struct recent_point, hit_rate), json_fraction);
    put_points(out, r, "p50_us", offsetof(struct recent_point, p50), put_us);
    put_points(out, r, "p99_us", offsetof(struct recent_point, p99), put_us);
    json_object_end(out);
}

/* --- lists ------------------------------------------------------------------------------------- */

static void put_cells(struct json *out, const struct survey_entry *e, enum survey_kind kind)
{
    size_t n;
    const struct survey_cell *cells = survey_cells(kind, &n);
    json_object(out, "cells");
    for (size_t i = 0; i < n; i++) json_number(out, cells[i].name, e->cells[i]);
    json_object_end(out);
}

static void put_waits(struct json *out, const struct recent *r, size_t i)
{
    double waits = recent_growth(r, SURVEY_LEASES, i, "waits");
    json_fraction(out, "waits_per_second", waits / recent_window(r));
    json_fraction(out, "waits_in_vain", recent_waits_in_vain(r, i));
}

static void put_entry(struct json *out, const struct recent *r, enum survey_kind kind, size_t i)
{
    const struct survey_entry *e = &recent_now(r)->survey->lists[kind].entries[i];
    struct recent_rates rates = recent_entry_rates(r, kind, i);
    const char *word = status_word(e, kind);
    json_object(out, NULL);
    json_text(out, "name", e->name);
    if (word) json_text(out, "state", word);
    if (kind == SURVEY_SERVERS) json_fraction(out, "state_seconds", status_state_age(r, i));
    put_rates(out, &rates);
    if (kind == SURVEY_LEASES) put_waits(out, r, i);
    put_cells(out, e, kind);
    json_object_end(out);
}

static void put_entries(struct json *out, const struct recent *r, enum survey_kind kind,
                        const char *name)
{
    const struct recent_moment *now = recent_now(r);
    json_list(out, name);
    for (size_t i = 0; now && i < now->survey->lists[kind].n; i++)
        if (status_shows(&now->survey->lists[kind].entries[i])) put_entry(out, r, kind, i);
    json_list_end(out);
}

/* The names are those of `stats stores`. */
static void put_store(struct json *out, const struct recent *r, size_t i)
{
    const struct store_row *row = &recent_now(r)->stores.all[i];
    struct recent_store_rates rates = recent_store_rates(r, i);
    json_object(out, NULL);
    json_text(out, "name", row->name);
    json_fraction(out, "used", rates.used);
    json_fraction(out, "gets_per_second", rates.gets);
    json_fraction(out, "sets_per_second", rates.sets);
    json_fraction(out, "evictions_per_second", rates.evictions);
    json_fraction(out, "hit_rate", rates.hit_rate);
    json_object(out, "cells");
#define X(field, kind, metric, meaning) json_number(out, #field, row->usage.field);
    STORE_USAGE(X)
#undef X
#define X(count, meaning) json_number(out, #count, row->counts[STORE_COUNT_##count]);
    STORE_COUNTS(X)
#undef X
    json_object_end(out);
    json_object_end(out);
}

static void put_stores(struct json *out, const struct recent *r)
{
    const struct recent_moment *now = recent_now(r);
    json_list(out, "stores");
    for (size_t i = 0; now && i < now->stores.n; i++) put_store(out, r, i);
    json_list_end(out);
}

static void put_journal(struct json *out, const struct journal *j, unsigned what)
{
    json_list(out, "reloads");
    const struct journal_entry *e;
    for (uint32_t i = 0; (e = journal_look(j, i)); i++) {
        json_object(out, NULL);
        json_number(out, "time", (uint64_t)e->time);
        json_number(out, "generation", e->generation);
        json_text(out, "outcome", journal_word(e->outcome));
        json_number(out, "times", e->times);
        if (what & STATUS_KEYS || !journal_may_hold_keys(e))
            json_text(out, "reason", e->reason);
        else
            json_null(out, "reason");
        json_object_end(out);
    }
    json_list_end(out);
}

/* --- what clients have sent -------------------------------------------------------------------- */

/* As a line of --log-format json, but for the part of a second. Without memory for them there are none. */
static void put_log_line(struct json *out, const struct log_tail_line *line)
{
    char when[40];
    struct tm parts;
    time_t seconds = (time_t)(line->time_ms / 1000);
    gmtime_r(&seconds, &parts);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);
    json_object(out, NULL);
    json_text(out, "time", when);
    json_text(out, "level", log_level_word(line->level));
    json_text(out, "role", line->role);
    json_number(out, "pid", (uint64_t)line->pid);
    json_text(out, "message", line->text);
    json_object_end(out);
}

static void put_log(struct json *out)
{
    struct log_tail_line *lines = calloc(LOG_TAIL_LINES, sizeof *lines);
    size_t n = lines ? log_tail_read(lines, LOG_TAIL_LINES) : 0;
    json_list(out, "log");
    for (size_t i = 0; i < n; i++) put_log_line(out, &lines[i]);
    json_list_end(out);
    free(lines);
}

/* --- the whole --------------------------------------------------------------------------------- */

static void put_service(struct json *out, const struct status_view *v)
{
    json_text(out, "version", v->version);
    json_number(out, "pid", (uint64_t)v->pid);
    json_text(out, "state", v->state);
    json_number(out, "workers", v->workers);
    json_number(out, "workers_ready", v->ready);
    json_number(out, "generation", v->generation);
    if (v->script)
        json_text(out, "script", v->script);
    else
        json_null(out, "script");
    json_flag(out, "runs_last_good", v->runs_last_good);
    json_flag(out, "on_probation", v->is_on_probation);
}

/* Each cell of the board, as `stats proxy` has it. */
static void put_totals(struct json *out, const struct survey *s)
{
    json_object(out, "totals");
#define X(name, kind, meaning) json_number(out, #name, s->row.name);
    BOARD_CELLS(X)
#undef X
    json_object_end(out);
}

void status_json(const struct status_view *v, struct json *out, unsigned what)
{
    const struct recent_moment *now = recent_now(v->recent);
    struct recent_rates all = recent_all_rates(v->recent);
    put_service(out, v);
    json_number(out, "time", (uint64_t)time(NULL));
    json_number(out, "uptime", now ? (uint64_t)now->survey->uptime : 0);
    json_fraction(out, "window", recent_window(v->recent));
    put_rates(out, &all);
    if (now) put_totals(out, now->survey);
    put_history(out, v->recent);
    put_entries(out, v->recent, SURVEY_SERVERS, "servers");
    put_entries(out, v->recent, SURVEY_POOLS, "pools");
    put_entries(out, v->recent, SURVEY_COMMANDS, "commands");
    put_entries(out, v->recent, SURVEY_LISTENERS, "listeners");
    put_stores(out, v->recent);
    put_entries(out, v->recent, SURVEY_NEARS, "near");
    put_entries(out, v->recent, SURVEY_LEASES, "leases");
    put_journal(out, v->journal, what);
    hot_json(v->recent->board, process_clock(), what & STATUS_KEYS, out);
    json_flag(out, "keys_shown", what & STATUS_KEYS);
    if (what & STATUS_KEYS) put_log(out);
}
