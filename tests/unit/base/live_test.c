/* live: filters and rings of requests that are watched, and how events read as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/live.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct live_ring *ring;
static struct live_reader reader;
static struct live_filters filters;

static int begin(void **state)
{
    ring = calloc(1, sizeof *ring);
    assert_non_null(ring);
    memset(&reader, 0, sizeof reader);
    memset(&filters, 0, sizeof filters);
    return 0;
}

static int end(void **state)
{
    free(ring);
    return 0;
}

/* --- rings ------------------------------------------------------------------------------------- */

static bool write_one(uint64_t us)
{
    struct live_event *e = live_place(ring, 1);
    if (!e) return false;
    memset(e, 0, sizeof *e);
    e->us = us;
    live_written(ring);
    return true;
}

static void reads(uint64_t us)
{
    struct live_event e;
    assert_true(live_read(&reader, ring, &e));
    assert_int_equal(e.us, us);
}

static void reads_nothing(void)
{
    struct live_event e;
    assert_false(live_read(&reader, ring, &e));
}

static void events_come_in_order_around_the_ring(void **state)
{
    reads_nothing();
    for (uint64_t i = 0; i < 5 * LIVE_EVENTS; i += 3) {
        for (uint64_t j = 0; j < 3; j++) assert_true(write_one(i + j));
        for (uint64_t j = 0; j < 3; j++) reads(i + j);
        reads_nothing();
    }
}

static void a_full_ring_drops_and_counts(void **state)
{
    for (uint64_t i = 0; i < LIVE_EVENTS; i++) assert_true(write_one(i));
    for (int i = 0; i < 7; i++) assert_false(write_one(1000));
    live_drop(ring, 1 << 3 | 1 << LIVE_SLOW);
    assert_int_equal(live_take_dropped(&reader, ring, 0), 7);
    assert_int_equal(live_take_dropped(&reader, ring, 0), 0);
    assert_int_equal(live_take_dropped(&reader, ring, 3), 1);
    assert_int_equal(live_take_dropped(&reader, ring, LIVE_SLOW), 1);
    reads(0);
    assert_true(write_one(LIVE_EVENTS));
    assert_false(write_one(1000));
    for (uint64_t i = 1; i <= LIVE_EVENTS; i++) reads(i);
    reads_nothing();
}

static void a_worker_that_dies_while_it_writes_leaves_nothing_to_read(void **state)
{
    assert_true(write_one(1));
    struct live_event *half = live_place(ring, 1);
    memset(half, 0xff, sizeof *half / 2);
    reads(1);
    reads_nothing();
    assert_true(write_one(2)); /* its successor */
    reads(2);
    reads_nothing();
}

static void numbers_that_make_no_sense_skip_to_the_end(void **state)
{
    assert_true(write_one(1));
    ring->written = UINT64_MAX / 2;
    reads_nothing();
    assert_true(write_one(2));
    reads(2);
    ring->written -= 5; /* back */
    reads_nothing();
    assert_true(write_one(3));
    reads(3);
    ring->read = 0; /* only the worker looks at that */
    reads_nothing();
}

static void what_a_worker_has_written_is_not_trusted(void **state)
{
    struct live_event *e = live_place(ring, 1), got;
    memset(e, 0xff, sizeof *e);
    e->at = NAN;
    live_written(ring);
    assert_true(live_read(&reader, ring, &got));
    assert_int_equal(got.result, LIVE_ERROR);
    assert_int_equal(got.key_len, LIVE_KEY);
    assert_true(got.at == 0);
    assert_int_equal(strlen(got.command), LIVE_COMMAND - 1);
    assert_int_equal(strlen(got.client), LIVE_CLIENT - 1);
    assert_int_equal(strlen(got.listener), LIVE_NAME - 1);
    assert_int_equal(strlen(got.route), LIVE_ROUTE - 1);
    assert_int_equal(strlen(got.pool), LIVE_NAME - 1);
    assert_int_equal(strlen(got.server), LIVE_SERVER - 1);
    assert_int_equal(strlen(got.text), LIVE_TEXT - 1);
    char line[LIVE_LINE];
    assert_true(strlen(live_line(&got, line)) < LIVE_LINE);
    assert_true(strlen(live_slow_line(&got, line)) < LIVE_LINE);
}

static void a_reader_begins_behind_what_is_there(void **state)
{
    for (uint64_t i = 0; i < 2 * LIVE_EVENTS; i++) (void)write_one(i);
    live_reader_begin(&reader, ring);
    reads_nothing();
    assert_int_equal(live_take_dropped(&reader, ring, 0), 0);
    assert_true(write_one(9));
    reads(9);
}

/* --- filters ----------------------------------------------------------------------------------- */

static struct live_filter all(void)
{
    return (struct live_filter){.sample = UINT32_MAX};
}

static struct live_filter with_prefix(const void *prefix, size_t len)
{
    struct live_filter f = all();
    f.prefix_len = (uint8_t)len;
    memcpy(f.prefix, prefix, len);
    return f;
}

static void a_prefix_may_have_any_bytes(void **state)
{
    static const uint8_t odd[] = {'a', 0, 0xff, '\n', ' '};
    struct live_filter f = with_prefix(odd, sizeof odd);
    live_watch(&filters, 2, &f);
    assert_int_equal(live_begins(&filters, "get", odd, sizeof odd, 0), 4);
    assert_int_equal(live_begins(&filters, "get", odd, sizeof odd - 1, 0), 0);
    assert_int_equal(live_begins(&filters, "get", (const uint8_t *)"a\0\xff\n!", 5, 0), 0);
    assert_int_equal(live_begins(&filters, "get", (const uint8_t *)"a\0\xff\n more", 9, 0), 4);
    assert_int_equal(live_begins(&filters, "version", NULL, 0, 0), 0);
    f = all();
    live_watch(&filters, 2, &f);
    assert_int_equal(live_begins(&filters, "version", NULL, 0, 0), 4);
    live_watch(&filters, 2, NULL);
    assert_int_equal(live_begins(&filters, "get", odd, sizeof odd, 0), 0);
}

static void a_command_and_a_share_decide_when_the_request_comes(void **state)
{
    struct live_filter f = all(), tenth = all();
    snprintf(f.command, sizeof f.command, "set");
    tenth.sample = UINT32_MAX / 10;
    live_watch(&filters, 0, &f);
    live_watch(&filters, 7, &tenth);
    const uint8_t *key = (const uint8_t *)"k";
    assert_int_equal(live_begins(&filters, "get", key, 1, UINT32_MAX), 0);
    assert_int_equal(live_begins(&filters, "get", key, 1, UINT32_MAX / 11), 1 << 7);
    assert_int_equal(live_begins(&filters, "set", key, 1, UINT32_MAX), 1);
    assert_int_equal(live_begins(&filters, "set", key, 1, 0), 1 | 1 << 7);
    assert_int_equal(live_begins(&filters, "sets", key, 1, UINT32_MAX), 0);
}

static struct live_event event(void)
{
    struct live_event e = {.us = 10000, .result = LIVE_HIT, .key_len = 1, .key = {'k'}};
    snprintf(e.command, sizeof e.command, "get");
    snprintf(e.pool, sizeof e.pool, "users");
    snprintf(e.server, sizeof e.server, "10.0.0.1:11211");
    return e;
}

static void the_rest_decides_when_it_is_complete(void **state)
{
    struct live_filter slow = all(), errors = all(), pool = all(), server = all(),
                       key = with_prefix("x", 1);
    struct live_event e = event();
    slow.slower_us = 10000;
    errors.errors = true;
    snprintf(pool.pool, sizeof pool.pool, "users");
    snprintf(server.server, sizeof server.server, "10.0.0.1:11211");
    const struct live_filter *const each[] = {&slow, &errors, &pool, &server, &key};
    for (unsigned i = 0; i < 5; i++) live_watch(&filters, i, each[i]);
    uint32_t slow_log = (uint32_t)1 << LIVE_SLOW; /* not a filter's */
    assert_int_equal(live_ends(&filters, 0xff | slow_log, &e), 1 | 4 | 8 | slow_log);
    assert_int_equal(live_ends(&filters, 2 | 8, &e), 8);
    e.us--;
    e.result = LIVE_ERROR;
    assert_int_equal(live_ends(&filters, 0xff, &e), 2 | 4 | 8);
    e.pool[0]++;
    e.server[0]++;
    assert_int_equal(live_ends(&filters, 0xff, &e), 2);
    e.result = LIVE_GONE;
    e.key[0] = 'x'; /* a watcher whose number another one had when the request came */
    assert_int_equal(live_ends(&filters, 0xff, &e), 2 | 16);
    live_watch(&filters, 4, NULL);
    assert_int_equal(live_ends(&filters, 0xff, &e), 2);
}

static void a_worker_copies_filters_only_whole(void **state)
{
    struct live_filters copy = {0};
    struct live_filter f = all();
    live_copy_filters(&copy, &filters);
    assert_int_equal(copy.active, 0);
    live_watch(&filters, 1, &f);
    live_copy_filters(&copy, &filters);
    assert_int_equal(copy.active, 2);
    filters.sequence |= 1; /* the master is in the middle, or has died there */
    filters.active = 0xff;
    live_copy_filters(&copy, &filters);
    assert_int_equal(copy.active, 2);
    live_watch(&filters, 1, NULL); /* its successor */
    live_copy_filters(&copy, &filters);
    assert_int_equal(copy.active, 0xfd);
}

/* --- text -------------------------------------------------------------------------------------- */

static void a_line_has_its_columns_whatever_the_bytes(void **state)
{
    char line[LIVE_LINE], text[64];
    struct live_event e = event();
    e.at = 1796169600.25;
    e.bytes = 5;
    snprintf(e.client, sizeof e.client, "10.1.2.3:4711");
    assert_string_equal(live_line(&e, line), "2026-12-02T00:00:00.250Z 10000 get k hit 5 "
                                             "10.0.0.1:11211 users - 10.1.2.3:4711 -");
    e.result = LIVE_ERROR;
    memcpy(e.key, "a \\\x1b\xc3\xa4", 6);
    e.key_len = 6;
    snprintf(e.text, sizeof e.text, "SERVER_ERROR \x1b[2J broken");
    snprintf(e.route, sizeof e.route, "my route");
    assert_string_equal(live_line(&e, line),
                        "2026-12-02T00:00:00.250Z 10000 get a\\x20\\x5c\\x1b\\xc3\\xa4 error 5 "
                        "10.0.0.1:11211 users my\\x20route 10.1.2.3:4711 - SERVER_ERROR "
                        "\\x1b[2J broken");
    assert_string_equal(live_escape("", 0, text), "-");
    assert_string_equal(live_escape("\0\x7f~", 3, text), "\\x00\\x7f~");
}

static void a_line_of_the_slow_log_shows_where_the_time_went(void **state)
{
    char line[LIVE_LINE];
    struct live_event e = event();
    e.us = 153210;
    e.stages[LIVE_IN_SERVER] = 150000;
    e.stages[LIVE_IN_SCRIPT] = 3210;
    snprintf(e.client, sizeof e.client, "unix");
    snprintf(e.route, sizeof e.route, "failover");
    assert_string_equal(live_slow_line(&e, line),
                        "get k: 153.2 ms: hit, client unix, route failover, pool users, server "
                        "10.0.0.1:11211; script 3.2 ms, before 0.0 ms, connection 0.0 ms, server "
                        "150.0 ms");
    e.key_len = 0;
    e.result = LIVE_ERROR;
    snprintf(e.text, sizeof e.text, "SERVER_ERROR x");
    e.pool[0] = e.server[0] = '\0';
    assert_string_equal(
        live_slow_line(&e, line),
        "get: 153.2 ms: SERVER_ERROR x, client unix, route failover; script 3.2 ms, "
        "before 0.0 ms, connection 0.0 ms, server 150.0 ms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define live(test) cmocka_unit_test_setup_teardown(test, begin, end)
        live(events_come_in_order_around_the_ring),
        live(a_full_ring_drops_and_counts),
        live(a_worker_that_dies_while_it_writes_leaves_nothing_to_read),
        live(numbers_that_make_no_sense_skip_to_the_end),
        live(what_a_worker_has_written_is_not_trusted),
        live(a_reader_begins_behind_what_is_there),
        live(a_prefix_may_have_any_bytes),
        live(a_command_and_a_share_decide_when_the_request_comes),
        live(the_rest_decides_when_it_is_complete),
        live(a_worker_copies_filters_only_whole),
        live(a_line_has_its_columns_whatever_the_bytes),
        live(a_line_of_the_slow_log_shows_where_the_time_went),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
