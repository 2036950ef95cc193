#include "worker/stats_lists.h"

#include <stdio.h>

#include "base/outages.h"
#include "worker/stat_line.h"

/* Each line is `ENTRY:CELL value`. The names of cells come from the X-macros of base/tables.h, and src/main/README.md has a row for
 * each. Where there is no memory for a survey, there are no lines. */

static void show_latency(const struct survey_entry *e, struct outq *out)
{
    static const struct {
        const char *name;
        double share;
    } shown[] = {{"p50_us", 0.5}, {"p99_us", 0.99}, {"p999_us", 0.999}};
    char name[BOARD_NAME + 32];
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        snprintf(name, sizeof name, "%s:%s", e->name, shown[i].name);
        stat_line(out, name, "%.0f", latency_percentile(&e->latency, shown[i].share) * 1e6);
    }
}

/* Every cell of an entry but for levels, in its order, then its latencies. */
static void show_entry(const struct survey_entry *e, enum survey_kind kind, struct outq *out)
{
    char name[BOARD_NAME + 32];
    size_t n;
    const struct survey_cell *cells = survey_cells(kind, &n);
    for (size_t i = 0; i < n; i++) {
        if (cells[i].kind == LEVEL) continue;
        snprintf(name, sizeof name, "%s:%s", e->name, cells[i].name);
        stat_line_number(out, name, e->cells[i]);
    }
    show_latency(e, out);
}

/* Over all workers: ready when each connection of each worker serves. Else what is known of the reason. */
static void show_state(const struct stats_source *s, const struct survey_entry *server,
                       struct outq *out)
{
    uint64_t ready = server->cells[SURVEY_SERVER_ready];
    uint64_t connections = server->cells[SURVEY_SERVER_connections];
    char name[BOARD_NAME + 32];
    snprintf(name, sizeof name, "%s:state", server->name);
    stat_line(out, name, "%s", ready == 0 ? "down" : ready < connections ? "degraded" : "ready");
    char reason[BOARD_REASON];
    snprintf(name, sizeof name, "%s:reason", server->name);
    if (ready < connections && outages_reason(s->board, server->name, reason))
        stat_line(out, name, "%s", reason);
}

static void show_list(const struct stats_source *s, enum survey_kind kind, struct outq *out)
{
    struct survey *survey = survey_take(s->board);
    const struct survey_list *list = survey ? &survey->lists[kind] : NULL;
    for (size_t i = 0; list && i < list->n; i++) {
        const struct survey_entry *e = &list->entries[i];
        if (!e->is_used) continue;
        if (kind == SURVEY_SERVERS) show_state(s, e, out);
        show_entry(e, kind, out);
    }
    survey_destroy(survey);
}

void stats_servers(const struct stats_source *s, struct outq *out)
{
    show_list(s, SURVEY_SERVERS, out);
}

void stats_commands(const struct stats_source *s, struct outq *out)
{
    show_list(s, SURVEY_COMMANDS, out);
}

void stats_listeners(const struct stats_source *s, struct outq *out)
{
    show_list(s, SURVEY_LISTENERS, out);
}

void stats_comparisons(const struct stats_source *s, struct outq *out)
{
    show_list(s, SURVEY_COMPARISONS, out);
}

void stats_near(const struct stats_source *s, struct outq *out)
{
    show_list(s, SURVEY_NEARS, out);
}

void stats_leases(const struct stats_source *s, struct outq *out)
{
    show_list(s, SURVEY_LEASES, out);
}

void stats_show_pool(const struct survey *survey, const char *pool, struct outq *out)
{
    const struct survey_entry *e = survey ? survey_find(survey, SURVEY_POOLS, pool) : NULL;
    if (e) show_entry(e, SURVEY_POOLS, out);
}
