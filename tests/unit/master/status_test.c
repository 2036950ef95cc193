/* status: the state of the service in JSON, from two surveys of a board. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "base/log_tail.h"
#include "base/process.h"
#include "master/status.h"
#include "master/storage.h"
#include "store/shard.h"
#include "store/store.h"

static struct board *board;
static struct recent recent;
static struct journal journal;
static char *text;

static int begin(void **state)
{
    board = board_create(2, 1 << 16);
    journal = (struct journal){0};
    recent_init(&recent, ev_default_loop(0), board, false);
    return board ? 0 : -1;
}

static int end(void **state)
{
    recent_stop(&recent);
    recent_release(&recent);
    board_destroy(board);
    free(text);
    text = NULL;
    return 0;
}

static struct status_view view(void)
{
    return (struct status_view){.version = "1.2.3",
                                .state = "running",
                                .pid = 42,
                                .workers = 2,
                                .ready = 1,
                                .generation = 7,
                                .recent = &recent,
                                .journal = &journal};
}

static const char *shown(unsigned what)
{
    size_t len;
    struct json j;
    struct status_view v = view();
    free(text);
    FILE *out = open_memstream(&text, &len);
    json_begin(&j, out);
    status_json(&v, &j, what);
    json_end(&j);
    fclose(out);
    return text;
}

static void shows(const char *part)
{
    if (!strstr(shown(0), part)) fail_msg("no %s in %s", part, text);
}

/* The newest survey is that many seconds after the oldest. */
static void surveys_are_apart(double seconds)
{
    recent_now(&recent)->survey->taken = recent.moments[0].survey->taken + seconds;
}

static void without_a_survey_rates_are_unknown(void **state)
{
    shows(
        "\"version\":\"1.2.3\",\"pid\":42,\"state\":\"running\",\"workers\":2,\"workers_ready\":1,"
        "\"generation\":7,\"script\":null");
    shows("\"requests_per_second\":null");
    shows("\"servers\":[],\"pools\":[]");
    recent_take(&recent);
    shows("\"requests_per_second\":null");
    shows("\"totals\":{\"ready\":0,");
}

static void rates_are_differences_over_the_window(void **state)
{
    struct board_listener *l = board_listener(&board->parts[0].tables, "web");
    struct board_listener *other = board_listener(&board->parts[1].tables, "web");
    l->workers = other->workers = 1;
    l->requests = 1000000;
    l->hits = 5;
    recent_take(&recent);
    l->requests += 300;
    other->requests += 100;
    l->hits += 60;
    l->misses += 20;
    other->script_errors += 10;
    l->bytes_read += 4000;
    for (int i = 0; i < 99; i++) latency_note(&l->latency, 0.000010);
    latency_note(&l->latency, 0.000012);
    recent_take(&recent);
    surveys_are_apart(2);
    shows("\"window\":2,\"requests_per_second\":200,\"errors_per_second\":5,\"hit_rate\":0.75,"
          "\"p50_us\":11,\"p99_us\":11,\"bytes_read_per_second\":2000,"
          "\"bytes_written_per_second\":0,");
    shows("{\"name\":\"web\",\"requests_per_second\":200,");
    shows("\"cells\":{\"workers\":2,\"curr_connections\":0,");
}

/* `stats reset` is about what `stats` shows. */
static void a_reset_does_not_disturb_rates(void **state)
{
    struct board_listener *l = board_listener(&board->parts[0].tables, "web");
    l->requests = board->parts[0].row.requests = 1000;
    recent_take(&recent);
    board_reset(board);
    l->requests += 50;
    recent_take(&recent);
    surveys_are_apart(1);
    shows("\"requests_per_second\":50,");
}

static void a_counter_that_is_smaller_is_no_growth(void **state)
{
    struct board_listener *l = board_listener(&board->parts[0].tables, "web");
    l->requests = 1000;
    recent_take(&recent);
    l->requests = 10;
    recent_take(&recent);
    surveys_are_apart(1);
    shows("\"requests_per_second\":0,");
}

static void servers_have_a_state_and_its_age(void **state)
{
    struct board_server *s = board_server(&board->parts[0].tables, "10.0.0.1:11211");
    s->connections = s->ready = 2;
    recent_take(&recent);
    shows("{\"name\":\"10.0.0.1:11211\",\"state\":\"ready\",\"state_seconds\":null,");
    s->ready = 1;
    recent_take(&recent);
    shows("\"state\":\"degraded\",\"state_seconds\":");
    s->ready = 0;
    recent_take(&recent);
    assert_true(recent_now(&recent)->since[0] > 0);
    recent_now(&recent)->since[0] -= 100;
    double since = recent_now(&recent)->since[0];
    recent_take(&recent);
    assert_true(recent_now(&recent)->since[0] == since);
    shows("\"state\":\"down\",\"state_seconds\":100");
    s->connections = 0; /* no pool names it any more */
    recent_take(&recent);
    shows("\"servers\":[],");
}

static void the_newest_surveys_are_kept(void **state)
{
    for (int i = 0; i < RECENT_POINTS + 5; i++) {
        recent_take(&recent);
        board->parts[0].row.requests = (uint64_t)i;
    }
    assert_int_equal(recent.moments_n, RECENT_SURVEYS);
    assert_int_equal(recent.points_n, RECENT_POINTS);
    assert_int_equal(recent_now(&recent)->survey->row.requests, RECENT_POINTS + 3);
    for (size_t i = 1; i < RECENT_SURVEYS; i++)
        assert_true(recent.moments[i].survey->taken > recent.moments[i - 1].survey->taken);
}

static void names_and_reasons_are_escaped(void **state)
{
    board_pool(&board->parts[0].tables, "<b>\"&\xff")->users = 1;
    journal_note(&journal, JOURNAL_REFUSED, 1, "near '\n\"<x>\x1b'");
    recent_take(&recent);
    shows("{\"name\":\"<b>\\\"&\\ufffd\",\"name_base64\":\"PGI+Iib/");
    shows("\"generation\":1,\"outcome\":\"refused\",\"times\":1,\"reason\":null}");
    assert_non_null(strstr(shown(STATUS_KEYS), "\"reason\":\"near '\\n\\\"<x>\\u001b'\"}"));
    journal_note(&journal, JOURNAL_ACCEPTED, 2, "SIGHUP");
    shows("\"outcome\":\"accepted\",\"times\":1,\"reason\":\"SIGHUP\"}");
}

static void log_lines_are_for_those_who_may_see_them(void **state)
{
    assert_true(log_tail_begin());
    log_tail_note(LOG_WARN, "worker 3", "key '\x1b\"'");
    assert_non_null(strstr(shown(STATUS_KEYS), "\"keys_shown\":true,\"log\":[{\"time\":\"20"));
    assert_non_null(strstr(text, "\"level\":\"warn\",\"role\":\"worker 3\",\"pid\":"));
    assert_non_null(strstr(text, "\"message\":\"key '\\u001b\\\"'\"}]"));
    shows("\"keys_shown\":false}");
    log_tail_end();
}

static void what_is_hot_is_for_those_who_may_see_it(void **state)
{
    struct heat_writer w;
    heat_begin(&w, &board->parts[0].heat, process_clock(), 1);
    for (int i = 0; i < 30; i++) heat_add(&w, HEAT_KEYS, "a\xff", 2, 1);
    for (int i = 0; i < 10; i++) heat_add(&w, HEAT_KEYS, "b", 1, 1);
    heat_add(&w, HEAT_CLIENTS, "u", 1, 40);
    heat_add(&w, HEAT_CLIENT_BYTES, "4\x7f\0\0\x01", 5, 1000);
    recent_take(&recent);
    shows("\"hot_keys_count\":2,\"keys_shown\":false}");
    assert_non_null(strstr(shown(STATUS_KEYS),
                           "\"hot_keys_count\":2,\"hot_keys\":[{\"name\":\"a\\ufffd\","
                           "\"name_base64\":\"Yf8=\",\"share\":0.75,"));
    assert_non_null(strstr(text, "{\"name\":\"b\",\"share\":0.25,"));
    assert_non_null(strstr(text, "\"hot_clients\":[{\"name\":\"unix\",\"share\":1,"));
    assert_non_null(strstr(text, "{\"name\":\"127.0.0.1\",\"share\":0,\"requests_per_second\":0,"
                                 "\"bytes_share\":1,"));
}

/* A read through a lease counts once, whatever it waited for. */
static void leases_say_how_often_waits_are_in_vain(void **state)
{
    struct board_lease *l = board_lease(&board->parts[0].tables, "dear");
    struct board_lease *other = board_lease(&board->parts[1].tables, "dear");
    l->users = 1;
    l->waits = l->waits_missed = 100;
    recent_take(&recent);
    shows("\"waits_per_second\":null,\"waits_in_vain\":null,\"cells\":{\"users\":1,\"waiting\":0,");
    l->requests += 50;
    l->waits += 6;
    l->waits_value += 5;
    other->waits += 4;
    other->waits_missed += 2;
    other->waits_stale += 1;
    other->waiting = 2;
    recent_take(&recent);
    surveys_are_apart(2);
    shows("{\"name\":\"dear\",\"requests_per_second\":25,\"errors_per_second\":0,");
    shows("\"bytes_written_per_second\":null,\"waits_per_second\":5,\"waits_in_vain\":0.375,"
          "\"cells\":{\"users\":1,\"waiting\":2,");
}

/* As if it had been asked. */
static void store_is_asked(struct store *s, unsigned hits, unsigned misses, unsigned evictions)
{
    struct store_op op;
    store_begin(&op, s, "k", 1, 1);
    op.shard->counts[STORE_COUNT_cmd_get] += hits + misses;
    op.shard->counts[STORE_COUNT_get_hits] += hits;
    op.shard->counts[STORE_COUNT_get_misses] += misses;
    op.shard->evictions += evictions;
    store_end(&op);
}

/* A store may have been there before the master looked at it: what it counted then is no rate. */
static void stores_have_the_rates_of_the_time_in_which_they_were_seen(void **state)
{
    static struct storage storage;
    const char *wrong;
    int fd = -1;
    storage = (struct storage){.named_n = 1};
    storage.named[0].settings = (struct store_settings){.size = 1 << 20, .max_value = 1 << 16};
    strcpy(storage.named[0].name, "sessions");
    storage.region = store_region_create(1 << 22, &fd);
    assert_non_null(storage.region);
    struct store *s = store_open(storage.region, "sessions", 8, &storage.named[0].settings, &wrong);
    assert_non_null(s);
    recent_take(&recent);
    shows("\"stores\":[],");
    store_is_asked(s, 1000, 0, 500);
    recent.storage = &storage;
    recent_take(&recent);
    shows("\"stores\":[{\"name\":\"sessions\",\"used\":0,\"gets_per_second\":null,"
          "\"sets_per_second\":null,\"evictions_per_second\":null,\"hit_rate\":null,"
          "\"cells\":{\"size\":1048576,\"max_value\":65536,");
    store_is_asked(s, 30, 10, 6);
    recent_take(&recent);
    recent_now(&recent)->survey->taken = recent.moments[1].survey->taken + 2;
    shows("\"gets_per_second\":20,\"sets_per_second\":0,\"evictions_per_second\":3,"
          "\"hit_rate\":0.75,\"cells\":{");
    shows("\"get_hits\":1030,\"get_misses\":10,");
    strcpy(storage.named[0].name, "other"); /* the script in use has another one */
    shows("{\"name\":\"sessions\",");
    recent.moments[2].survey->taken = recent.moments[1].survey->taken;
    recent_take(&recent);
    shows("\"stores\":[],");
    store_region_destroy(storage.region);
    close(fd);
}

static void copies_have_a_hit_rate(void **state)
{
    struct board_near *n = board_near(&board->parts[0].tables, "n");
    n->users = 1;
    latency_note(&n->latency, 1);
    recent_take(&recent);
    n->requests += 10;
    n->hits += 9;
    n->misses += 1;
    latency_note(&n->latency, 0.000011);
    recent_take(&recent);
    surveys_are_apart(1);
    shows("\"near\":[{\"name\":\"n\",\"requests_per_second\":10,\"errors_per_second\":0,"
          "\"hit_rate\":0.9,\"p50_us\":12,");
}

int main(void)
{
#define play(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        play(without_a_survey_rates_are_unknown),
        play(rates_are_differences_over_the_window),
        play(a_reset_does_not_disturb_rates),
        play(a_counter_that_is_smaller_is_no_growth),
        play(servers_have_a_state_and_its_age),
        play(the_newest_surveys_are_kept),
        play(leases_say_how_often_waits_are_in_vain),
        play(stores_have_the_rates_of_the_time_in_which_they_were_seen),
        play(copies_have_a_hit_rate),
        play(log_lines_are_for_those_who_may_see_them),
        play(names_and_reasons_are_escaped),
        play(what_is_hot_is_for_those_who_may_see_it),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
