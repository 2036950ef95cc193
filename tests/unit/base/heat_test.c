/* heat: which keys are found to be hot in streams of a million keys, how exact their shares are, how they cool
 * down, and what names are. What a reader sees at any moment: heat_torn_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/board.h"
#include "base/heat.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 2, MILLION = 1000000, TURN = 50, MOST = 300 };

static struct board *board;
static struct heat_writer writer, other;
static struct heat_row rows[MOST];
static uint32_t rows_n;
static double now;
static uint64_t state;

static int make(void **unused)
{
    board = board_create(WORKERS, 64 * 1024);
    if (!board) return -1;
    now = 1000;
    state = 88172645463325252U;
    heat_begin(&writer, &board->parts[0].heat, now, 1);
    heat_begin(&other, &board->parts[1].heat, now, 2);
    return 0;
}

static int clear(void **unused)
{
    board_destroy(board);
    return 0;
}

#define test(f) cmocka_unit_test_setup_teardown(f, make, clear)

static double chance(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) * 0x1p-53;
}

/* Keys of a stream are numbers; this is the text of one. */
static size_t text_of(uint32_t key, char *text)
{
    return (size_t)sprintf(text, "key:%u", key);
}

/* One turn with TURN requests, as src/client/heating.c does it. */
static void turn(struct heat_writer *w, uint32_t (*draw)(void))
{
    uint32_t keys[TURN];
    for (int i = 0; i < TURN; i++) keys[i] = draw();
    if (!heat_is_due(w, TURN, now)) return;
    uint32_t at = heat_first(w, now);
    for (; at < TURN; at += heat_step(w)) {
        char text[32];
        size_t len = text_of(keys[at], text);
        heat_add(w, HEAT_KEYS, text, len, w->gap);
    }
    w->left = at - TURN;
}

static void run(struct heat_writer *w, uint32_t (*draw)(void), double rate, double seconds)
{
    double end = now + seconds;
    for (; now < end; now += TURN / rate) turn(w, draw);
}

static uint32_t uniform(void)
{
    return (uint32_t)(chance() * MILLION);
}

/* Three keys with 5 % each, the others are uniform. */
static uint32_t three_hot(void)
{
    double at = chance();
    return at < 0.15 ? MILLION + (uint32_t)(at / 0.05) : uniform();
}

/* By the inverse of an approximated sum: key k has about 1 / k of what key 1 has. */
static uint32_t zipf(void)
{
    return (uint32_t)exp(chance() * log(MILLION));
}

static double share_in(const struct heat_writer *w, uint32_t key)
{
    char text[32];
    return heat_share(w->heat, text, text_of(key, text));
}

static void read_all(void)
{
    rows_n = heat_merge(board, HEAT_KEYS, now, rows, MOST);
}

/* The row of a key, or NULL. */
static const struct heat_row *row_of(uint32_t key)
{
    char text[32];
    size_t len = text_of(key, text);
    for (uint32_t i = 0; i < rows_n; i++)
        if (rows[i].len == len && memcmp(rows[i].name, text, len) == 0) return &rows[i];
    return NULL;
}

#define assert_near(a, b, off) assert_true(fabs((a) - (b)) <= (off))

static void three_keys_of_five_percent_are_found_among_a_million_within_five_seconds(void **unused)
{
    run(&writer, three_hot, 100000, 5);
    read_all();
    for (uint32_t i = 0; i < 3; i++) {
        const struct heat_row *row = row_of(MILLION + i);
        assert_non_null(row);
        assert_true(row - rows < 3);
        assert_near(row->share, 0.05, 0.015);
        assert_near(row->rate, 5000, 1500);
        assert_near(share_in(&writer, MILLION + i), 0.05, 0.015);
    }
    assert_int_equal(heat_count(board, now), 3);
    for (uint32_t i = 3; i < rows_n; i++) assert_true(rows[i].share < 0.005);
}

static void they_are_found_in_a_quarter_of_a_second_too(void **unused)
{
    run(&writer, three_hot, 100000, 0.25);
    for (uint32_t i = 0; i < 3; i++) assert_near(share_in(&writer, MILLION + i), 0.05, 0.02);
}

static void a_hundred_requests_a_second_are_enough(void **unused)
{
    run(&writer, three_hot, 100, 5);
    assert_int_equal(writer.gap, 1);
    read_all();
    for (uint32_t i = 0; i < 3; i++) {
        assert_non_null(row_of(MILLION + i));
        assert_near(row_of(MILLION + i)->share, 0.05, 0.04);
        assert_near(row_of(MILLION + i)->rate, 5, 4);
    }
    assert_true(rows_n < 6);
}

static void hot_keys_are_found_while_the_rate_changes(void **unused)
{
    run(&writer, uniform, 200000, 1);
    assert_in_range(writer.gap, 150, 250);
    run(&writer, uniform, 100, 3);
    assert_int_equal(writer.gap, 1);
    run(&writer, three_hot, 50000, 5);
    assert_int_equal(heat_count(board, now), 3);
}

/* Its cost is bounded before the rate is known, too. */
static void a_burst_is_sampled_less_and_less(void **unused)
{
    run(&writer, three_hot, 500000, 0.12);
    assert_in_range(writer.gap, 64, 128);
    for (uint32_t i = 0; i < 3; i++) assert_near(share_in(&writer, MILLION + i), 0.05, 0.03);
}

/* That a service wakes after a time of many requests does not make it wait for hundreds of them. */
static void after_a_fast_time_slow_requests_are_counted_at_once(void **unused)
{
    run(&writer, uniform, 300000, 1);
    now += 60;
    run(&writer, three_hot, 100, 2);
    assert_int_equal(writer.gap, 1);
    for (uint32_t i = 0; i < 3; i++) assert_true(share_in(&writer, MILLION + i) > 0);
}

static void a_million_keys_that_are_alike_have_no_hot_one(void **unused)
{
    run(&writer, uniform, 100000, 5);
    read_all();
    assert_int_equal(rows_n, 0);
    assert_int_equal(heat_count(board, now), 0);
    assert_true(share_in(&writer, 17) == 0);
}

/* 1 / k of what key 1 has, which is 1 / log(a million): the first ten have 7.2 % down to 0.7 %. */
static void the_first_keys_of_a_zipf_stream_are_found_with_their_shares(void **unused)
{
    run(&writer, zipf, 100000, 6);
    read_all();
    for (uint32_t k = 1; k <= 10; k++) {
        const struct heat_row *row = row_of(k);
        double share = log((k + 1.0) / k) / log(MILLION);
        assert_non_null(row);
        assert_near(row->share, share, 0.004 + share / 10);
    }
    for (uint32_t i = 0; i + 1 < rows_n; i++) assert_true(rows[i].share >= rows[i + 1].share);
    assert_in_range(heat_count(board, now), 4, 10); /* exactly: 6 */
}

static void a_key_that_is_asked_no_more_cools_down(void **unused)
{
    run(&writer, three_hot, 20000, 6);
    double before = share_in(&writer, MILLION);
    run(&writer, uniform, 20000, 3);
    assert_near(share_in(&writer, MILLION), before / 2, 0.01);
    run(&writer, uniform, 20000, 21);
    assert_true(share_in(&writer, MILLION) < 0.001);
    assert_int_equal(heat_count(board, now), 0);
}

/* It does not decay its counts any more; readers do. */
static void a_worker_that_sleeps_cools_down(void **unused)
{
    run(&writer, three_hot, 1000, 5);
    read_all();
    double before = row_of(MILLION)->rate;
    now += 3;
    read_all();
    assert_near(row_of(MILLION)->rate, before / 2, before / 8);
    now += 60;
    read_all();
    assert_int_equal(rows_n, 0);
}

static void the_heat_of_all_workers_is_one(void **unused)
{
    double begun = now;
    run(&writer, three_hot, 30000, 5);
    now = begun;
    run(&other, uniform, 10000, 5);
    assert_true(share_in(&other, MILLION) == 0);
    read_all();
    assert_near(row_of(MILLION)->share, 0.05 * 3 / 4, 0.01);
    now = begun;
    heat_begin(&other, &board->parts[1].heat, now, 3);
    run(&other, three_hot, 30000, 5);
    read_all();
    assert_near(row_of(MILLION)->share, 0.05, 0.01);
    assert_near(row_of(MILLION)->rate, 3000, 700);
    assert_int_equal(heat_count(board, now), 3);
}

/* --- names -------------------------------------------------------------------------------------- */

static void add_often(const void *name, size_t len, int times)
{
    for (int i = 0; i < times; i++) heat_add(&writer, HEAT_KEYS, name, len, 1);
}

static void names_are_compared_by_all_their_bytes(void **unused)
{
    uint8_t long_one[HEAT_NAME], like_it[HEAT_NAME];
    memset(long_one, 0xff, sizeof long_one);
    memcpy(like_it, long_one, sizeof like_it);
    like_it[HEAT_NAME - 1] = '\0';
    add_often("a", 1, 10);
    add_often("a\0", 2, 20);
    add_often(long_one, sizeof long_one, 30);
    add_often(like_it, sizeof like_it, 40);
    assert_near(heat_share(writer.heat, "a", 1), 0.1, 1e-9);
    assert_near(heat_share(writer.heat, "a\0", 2), 0.2, 1e-9);
    assert_near(heat_share(writer.heat, long_one, sizeof long_one), 0.3, 1e-9);
    assert_near(heat_share(writer.heat, like_it, sizeof like_it), 0.4, 1e-9);
    assert_true(heat_share(writer.heat, "b", 1) == 0);
    read_all();
    assert_int_equal(rows_n, 4);
    assert_memory_equal(rows[0].name, like_it, sizeof like_it);
}

/* As if the hashes were equal: a hash that names another key must not lend it its heat. */
static void a_hash_alone_names_no_key(void **unused)
{
    struct heat_sketch *s = &writer.heat->sketches[HEAT_KEYS];
    uint32_t mark = 0;
    add_often("a", 1, 10);
    for (int i = 0; i < HEAT_PLACES; i++) mark |= s->marks[i];
    add_often("b", 1, 10);
    for (int i = 0; i < HEAT_PLACES; i++)
        if (s->places[i].len && s->places[i].name[0] == 'b') {
            memcpy(s->places[i].name, "c", 1);
            assert_int_not_equal(s->marks[i], mark);
        }
    assert_true(heat_share(writer.heat, "b", 1) == 0);
    assert_near(heat_share(writer.heat, "a", 1), 0.5, 1e-9);
}

static void what_was_seen_less_than_four_times_is_not_hot(void **unused)
{
    add_often("a", 1, 3);
    assert_true(heat_share(writer.heat, "a", 1) == 0);
    read_all();
    assert_int_equal(rows_n, 0);
    add_often("a", 1, 1);
    assert_near(heat_share(writer.heat, "a", 1), 1, 1e-9);
    read_all();
    assert_int_equal(rows_n, 1);
}

static void clients_have_addresses_as_names(void **unused)
{
    static const struct {
        const char *name;
        size_t len;
        const char *text;
    } all[] = {{"u", 1, "unix"},
               {"4\x0a\0\0\x01", 5, "10.0.0.1"},
               {"6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 17, "::1"},
               {"4\x0a\0\0", 4, "?"},
               {"6\x0a\0\0\x01", 5, "?"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct heat_row row = {.len = (uint32_t)all[i].len};
        char text[HEAT_CLIENT_TEXT];
        memcpy(row.name, all[i].name, all[i].len);
        assert_string_equal(heat_client_text(&row, text), all[i].text);
    }
    heat_add(&writer, HEAT_CLIENTS, "u", 1, 1);
    heat_add(&writer, HEAT_CLIENT_BYTES, "u", 1, 1000);
    heat_add(&other, HEAT_CLIENT_BYTES, all[1].name, all[1].len, 3000);
    assert_int_equal(heat_merge(board, HEAT_CLIENTS, now, rows, MOST), 1);
    assert_near(rows[0].share, 1, 1e-9);
    assert_int_equal(heat_merge(board, HEAT_CLIENT_BYTES, now, rows, MOST), 2);
    assert_near(rows[0].share, 0.75, 1e-9);
    assert_int_equal(rows[0].len, 5);
    now += 60;
    assert_int_equal(heat_merge(board, HEAT_CLIENTS, now, rows, MOST), 0);
    assert_int_equal(heat_merge(board, HEAT_CLIENT_BYTES, now, rows, MOST), 0);
}

static void a_heat_can_be_made_up(void **unused)
{
    struct heat *made = calloc(1, sizeof *made);
    int n = 0;
    assert_true(heat_put(made, "a", 1, 0.2));
    assert_true(heat_put(made, "a", 1, 0.3));
    assert_true(heat_put(made, "b", 1, 1));
    assert_near(heat_share(made, "a", 1), 0.3, 1e-9);
    assert_near(heat_share(made, "b", 1), 1, 1e-9);
    assert_true(heat_share(made, "c", 1) == 0);
    for (char text[32]; n < 1000; n++)
        if (!heat_put(made, text, text_of((uint32_t)n, text), 0.1)) break;
    assert_in_range(n, 30, HEAT_PLACES);
    assert_near(heat_share(made, "a", 1), 0.3, 1e-9);
    free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(three_keys_of_five_percent_are_found_among_a_million_within_five_seconds),
        test(they_are_found_in_a_quarter_of_a_second_too),
        test(a_hundred_requests_a_second_are_enough),
        test(hot_keys_are_found_while_the_rate_changes),
        test(a_burst_is_sampled_less_and_less),
        test(after_a_fast_time_slow_requests_are_counted_at_once),
        test(a_million_keys_that_are_alike_have_no_hot_one),
        test(the_first_keys_of_a_zipf_stream_are_found_with_their_shares),
        test(a_key_that_is_asked_no_more_cools_down),
        test(a_worker_that_sleeps_cools_down),
        test(the_heat_of_all_workers_is_one),
        test(names_are_compared_by_all_their_bytes),
        test(a_hash_alone_names_no_key),
        test(what_was_seen_less_than_four_times_is_not_hot),
        test(clients_have_addresses_as_names),
        test(a_heat_can_be_made_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
