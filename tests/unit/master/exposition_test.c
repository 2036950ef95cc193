/* The text form of /metrics: names, units, escapes, histograms. */
#include "base/board.h"
#include "base/survey.h"
#include "master/exposition.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void names_have_units_at_their_end(void **state)
{
    static const struct {
        const char *prefix;
        struct survey_cell cell;
        const char *name;
        double scale;
    } rows[] = {
        {"", {"requests", COUNTER, ""}, "moongate_requests_total", 1},
        {"", {"bytes_read", COUNTER, ""}, "moongate_client_read_bytes_total", 1},
        {"", {"user_us", COUNTER, ""}, "moongate_cpu_user_seconds_total", 1e-6},
        {"", {"longest_turn_us", LEVEL, ""}, "moongate_longest_turn_seconds", 1e-6},
        {"", {"ready", GAUGE, ""}, "moongate_workers_ready", 1},
        {"", {"tls_expires", LEVEL, ""}, "moongate_tls_expiry_timestamp_seconds", 1},
        {"", {"curr_connections", GAUGE, ""}, "moongate_connections", 1},
        {"", {"total_connections", COUNTER, ""}, "moongate_connections_total", 1},
        {"server_", {"ready", GAUGE, ""}, "moongate_server_ready", 1},
        {"server_", {"server_errors", COUNTER, ""}, "moongate_server_errors_total", 1},
        {"pool_", {"server_errors", COUNTER, ""}, "moongate_pool_server_errors_total", 1},
        {"listener_", {"bytes_written", COUNTER, ""}, "moongate_listener_written_bytes_total", 1},
        {"comparison_", {"only_old", COUNTER, ""}, "moongate_comparison_only_old_total", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[EXPOSITION_NAME];
        double scale;
        assert_string_equal(exposition_name(text, rows[i].prefix, &rows[i].cell, &scale),
                            rows[i].name);
        assert_true(scale == rows[i].scale);
    }
}

/* No two cells make one name, nor one that another kind has. */
static void no_name_is_there_twice(void **state)
{
    static char names[512][EXPOSITION_NAME];
    static const struct survey_cell row[] = {
#define X(name, kind, meaning) {#name, kind, meaning},
        BOARD_CELLS(X)
#undef X
    };
    static const char *const prefixes[] = {"server_",     "pool_", "command_", "listener_",
                                           "comparison_", "near_", "lease_"};
    size_t n = 0;
    double scale;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        exposition_name(names[n++], "", &row[i], &scale);
    for (int kind = 0; kind < SURVEY_KINDS; kind++) {
        size_t cells_n;
        const struct survey_cell *cells = survey_cells((enum survey_kind)kind, &cells_n);
        for (size_t i = 0; i < cells_n; i++)
            exposition_name(names[n++], prefixes[kind], &cells[i], &scale);
    }
    assert_true(n > 80);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) assert_string_not_equal(names[i], names[j]);
}

static char *label(const char *value)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    exposition_label(to, value);
    fclose(to);
    return text;
}

static void labels_are_escaped(void **state)
{
    static const struct {
        const char *value, *text;
    } rows[] = {{"10.0.0.1:11211", "10.0.0.1:11211"},
                {"a\"b\\c", "a\\\"b\\\\c"},
                {"line\nend", "line\\\\x0aend"},
                {"\xff", "\\\\xff"},
                {"\\xff", "\\\\x5cxff"}, /* another name than the one before */
                {"\xc2\x9b", "\\\\xc2\\\\x9b"},
                {"a\\", "a\\\\"},
                {"\xc3\xa4", "\xc3\xa4"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = label(rows[i].value);
        assert_string_equal(text, rows[i].text);
        free(text);
    }
}

/* Bounds that differ far behind the point. */
static void count_for_script(struct metrics *m)
{
    const char *wrong;
    int at =
        metrics_open(m, METRIC_HISTOGRAM, "near", (double[]){0.1234567, 0.1234568, 0.3}, 3, &wrong);
    metric_observe(&m->histograms[at], 0.1);
    metric_observe(&m->histograms[at], 0.12345675);
    metric_observe(&m->histograms[at], 9);
}

/* The whole document for a service with one server. */
static char *document(void (*count)(struct board_server *s))
{
    struct board *board = board_create(1, 65536);
    struct journal journal = {.n = 0};
    struct board_server *s = board_server(&board->parts[0].tables, "h:1");
    s->connections = 1;
    count(s);
    count_for_script(&board->parts[0].metrics);
    struct survey *survey = survey_take(board);
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    struct exposition e = {.survey = survey,
                           .board = board,
                           .journal = &journal,
                           .version = "1",
                           .now = 1e9,
                           .workers = 1};
    exposition_write(&e, to);
    fclose(to);
    survey_destroy(survey);
    board_destroy(board);
    return text;
}

static void count_times(struct board_server *s)
{
    latency_note(&s->latency, 10e-6);
    latency_note(&s->latency, 99e-6);
    latency_note(&s->latency, 0.3);
    latency_note(&s->latency, 60);
}

static unsigned long bucket(const char *text, const char *bound)
{
    char line[128];
    snprintf(line, sizeof line,
             "\nmoongate_server_response_seconds_bucket{server=\"h:1\",le=\"%s\"} ", bound);
    const char *at = strstr(text, line);
    assert_non_null(at);
    return strtoul(at + strlen(line), NULL, 10);
}

static void buckets_add_up(void **state)
{
    char *text = document(count_times);
    assert_int_equal(bucket(text, "5e-05"), 1);
    assert_int_equal(bucket(text, "0.0001"), 2);
    assert_int_equal(bucket(text, "0.25"), 2);
    assert_int_equal(bucket(text, "0.5"), 3);
    assert_int_equal(bucket(text, "10"), 3);
    assert_int_equal(bucket(text, "+Inf"), 4);
    assert_non_null(strstr(text, "\nmoongate_server_response_seconds_count{server=\"h:1\"} 4\n"));
    assert_non_null(
        strstr(text, "\nmoongate_server_response_seconds_sum{server=\"h:1\"} 60.300109\n"));
    free(text);
}

/* Two bounds that look alike would be one bucket with two counts. */
static void bounds_of_scripts_stay_apart(void **state)
{
    char *text = document(count_times);
    assert_non_null(
        strstr(text, "\nmoongate_script_observations_bucket{name=\"near\",le=\"0.1234567\"} 1\n"
                     "moongate_script_observations_bucket{name=\"near\",le=\"0.1234568\"} 2\n"
                     "moongate_script_observations_bucket{name=\"near\",le=\"0.3\"} 2\n"
                     "moongate_script_observations_bucket{name=\"near\",le=\"+Inf\"} 3\n"));
    free(text);
}

/* What is shown in seconds is not said to be microseconds. */
static void helps_name_no_other_unit(void **state)
{
    char *text = document(count_times);
    assert_null(strstr(text, "microseconds"));
    assert_non_null(strstr(text, "\n# HELP moongate_longest_turn_seconds the longest turn"));
    free(text);
}

/* Each sample stands behind the TYPE of its metric, and each metric has one TYPE. */
static void every_sample_has_its_type(void **state)
{
    char *text = document(count_times), *rest = text, *line;
    char type[160] = "";
    size_t types = 0;
    while ((line = strsep(&rest, "\n"))) {
        if (strncmp(line, "# TYPE ", 7) == 0) {
            snprintf(type, sizeof type, "%.*s", (int)strcspn(line + 7, " "), line + 7);
            types++;
        } else if (line[0] && line[0] != '#') {
            assert_int_equal(strncmp(line, type, strlen(type)), 0);
        }
    }
    assert_true(types > 80);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_units_at_their_end),
        cmocka_unit_test(no_name_is_there_twice),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(buckets_add_up),
        cmocka_unit_test(bounds_of_scripts_stay_apart),
        cmocka_unit_test(helps_name_no_other_unit),
        cmocka_unit_test(every_sample_has_its_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
