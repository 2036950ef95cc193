/* feed: takes become datagrams: their order, the share of keys, takes that are longer than a datagram, and what finds no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/feed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONG = 4 * 1024 * 1024 };

static struct ev_loop *loop;
static struct board_row row;
static struct feed feed;
static int reader;
static double now;
static uint8_t *value;

static int make(void **state)
{
    loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    memset(&row, 0, sizeof row);
    value = malloc(LONG + 1);
    if (!loop || !value) return -1;
    for (size_t i = 0; i <= LONG; i++) value[i] = (uint8_t)(i * 31 + (i >> 8));
    feed_init(&feed, loop, &row);
    now = 1000;
    return 0;
}

static int clear(void **state)
{
    feed_release(&feed);
    if (reader > 0) close(reader);
    reader = 0;
    ev_loop_destroy(loop);
    free(value);
    return 0;
}

#define test(f) cmocka_unit_test_setup_teardown(f, make, clear)

static void begins(enum recording_mode mode, uint32_t share)
{
    struct feed_settings settings = {.mode = mode, .share = share};
    int workers;
    assert_true(feed_create_socket(&workers, &reader));
    feed_begin(&feed, workers, &settings, 3, now);
    assert_true(feed_sane(&feed));
    assert_int_equal(row.recording, 1);
}

/* A get of that number; with a value of n bytes, a set. */
static void adds(uint32_t number, size_t n)
{
    char key[32];
    struct take t = {.at_us = 1000000 + number,
                     .client = number,
                     .parts = 1,
                     .command = 1,
                     .key = (const uint8_t *)key,
                     .value_len = (uint32_t)n,
                     .value = n ? value : NULL};
    uint32_t hash;
    t.key_len = (uint16_t)snprintf(key, sizeof key, "key:%u", number);
    if (feed_takes_key(&feed, t.key, t.key_len, &hash)) feed_add(&feed, &t, hash);
}

static void turns(double seconds)
{
    ev_run(loop, EVRUN_NOWAIT);
    now += seconds;
    if (feed.state != FEED_OFF) feed_turn(&feed, now);
    assert_true(feed_sane(&feed));
}

/* --- a reader ---------------------------------------------------------------------------------- */

struct seen {
    uint32_t takes, datagrams, last_client;
    uint64_t lost;
    uint32_t share;
    bool is_last, is_over;
    uint8_t *part;
    size_t part_n;
};

static void look(struct seen *s, const struct datagram_head *head, const uint8_t *body, size_t n)
{
    const uint8_t *at = body, *end = body + n;
    uint64_t time = 0;
    struct take t;
    if (head->first > 0 || s->part_n) {
        if (head->first == 0) s->part_n = 0;
    }
    while (head->first == 0 && at < end) {
        enum take_status status = take_decode(&at, end, &time, &t);
        if (status == TAKE_BAD) break;
        assert_int_equal(status, TAKE_OK);
        assert_int_equal(t.worker, 3);
        assert_int_equal(t.at_us, 1000000 + t.client);
        s->last_client = t.client;
        s->takes++;
    }
    if (at == end) return;
    s->part = realloc(s->part, s->part_n + n);
    memcpy(s->part + s->part_n, at, (size_t)(end - at));
    s->part_n += (size_t)(end - at);
    const uint8_t *from = s->part;
    time = 0;
    if (take_decode(&from, s->part + s->part_n, &time, &t) != TAKE_OK) return;
    assert_ptr_equal(from, s->part + s->part_n);
    assert_memory_equal(t.value, value, t.value_len);
    s->last_client = t.client;
    s->takes++;
    s->part_n = 0;
}

static void reads(struct seen *s)
{
    static uint8_t bytes[DATAGRAM_MAX + 1];
    struct datagram_head head;
    const char *why;
    size_t body_n;
    for (;;) {
        ssize_t n = recv(reader, bytes, sizeof bytes, MSG_DONTWAIT);
        s->is_over = n == 0;
        if (n <= 0) return;
        const uint8_t *body = datagram_read(bytes, (size_t)n, &head, &body_n, &why);
        assert_non_null(body);
        assert_int_equal(head.number, ++s->datagrams);
        assert_int_equal(head.pid, getpid());
        assert_true(head.lost >= s->lost);
        s->lost = head.lost;
        s->share = head.share;
        s->is_last = head.is_last;
        look(s, &head, body, body_n);
    }
}

/* --- tests ------------------------------------------------------------------------------------- */

static void takes_are_sent_when_they_fill_a_datagram_or_are_old(void **state)
{
    struct seen s = {0};
    begins(RECORDING_SIZES, UINT32_MAX);
    adds(1, 0);
    turns(0.1);
    reads(&s);
    assert_int_equal(s.datagrams, 0);
    turns(0.15);
    reads(&s);
    assert_int_equal(s.takes, 1);
    for (uint32_t i = 2; i < 10000; i++) adds(i, 0);
    turns(0.01);
    reads(&s);
    assert_true(s.datagrams > 3 && s.takes < 9999);
    turns(0.3);
    reads(&s);
    assert_int_equal(s.takes, 9999);
    assert_int_equal(s.last_client, 9999);
    assert_int_equal(row.recorded_requests, 9999);
    assert_int_equal(row.recorded_lost, 0);
}

static void the_end_sends_what_is_there_and_says_so(void **state)
{
    struct seen s = {0};
    begins(RECORDING_SIZES, UINT32_MAX);
    adds(1, 0);
    feed_end(&feed, now);
    assert_int_equal(row.recording, 0);
    adds(2, 0); /* too late */
    turns(0.01);
    assert_int_equal(feed.state, FEED_OFF);
    reads(&s);
    assert_true(s.is_last && s.is_over);
    assert_int_equal(s.takes, 1);
}

static void a_take_that_is_longer_than_a_datagram_goes_on_in_the_next_ones(void **state)
{
    static const size_t sizes[] = {61000, DATAGRAM_MAX, 70000, 200000, LONG, 10};
    struct seen s = {0};
    begins(RECORDING_VALUES, UINT32_MAX);
    for (uint32_t i = 0; i < 6; i++) {
        adds(100 + i, 5);
        adds(i, sizes[i]);
        do {
            turns(0.25);
            reads(&s);
        } while (feed.first || feed.open);
        assert_int_equal(s.takes, 2 * i + 2);
        assert_int_equal(s.last_client, i);
    }
    assert_int_equal(row.recorded_lost, 0);
    free(s.part);
}

static void what_finds_no_room_is_dropped_and_counted(void **state)
{
    struct seen s = {0};
    uint32_t added = 0;
    begins(RECORDING_VALUES, UINT32_MAX);
    while (row.recorded_lost < 3) {
        adds(added++, 50000);
        turns(0);
        assert_true(added < 1000);
    }
    turns(0.01);
    uint64_t before = row.recorded_requests, lost = row.recorded_lost;
    while (row.recorded_requests == before) adds(added++, LONG); /* longer than what is left */
    assert_true(row.recorded_lost > lost);
    feed_end(&feed, now);
    while (feed.state != FEED_OFF) {
        turns(0.01);
        reads(&s);
    }
    reads(&s);
    assert_true(s.is_last && s.is_over);
    assert_int_equal(s.lost, row.recorded_lost);
    assert_int_equal(s.takes + s.lost, row.recorded_requests);
    assert_true(s.share < UINT32_MAX); /* a slow reader gets less */
    free(s.part);
}

static void a_reader_that_does_not_come_back_is_not_waited_for_longer_than_a_second(void **state)
{
    begins(RECORDING_VALUES, UINT32_MAX);
    for (uint32_t i = 0; row.recorded_lost == 0; i++) {
        adds(i, 50000);
        turns(0);
    }
    feed_end(&feed, now);
    turns(0.9);
    assert_int_equal(feed.state, FEED_ENDS);
    turns(0.2);
    assert_int_equal(feed.state, FEED_OFF);
}

static void a_reader_that_has_gone_ends_it(void **state)
{
    begins(RECORDING_SIZES, UINT32_MAX);
    adds(1, 0);
    close(reader);
    reader = 0;
    turns(0.3);
    assert_int_equal(feed.state, FEED_OFF);
    assert_int_equal(row.recording, 0);
    adds(2, 0);
    turns(0.3);
}

static void a_share_is_one_of_keys_and_a_part_of_a_larger_one(void **state)
{
    enum { KEYS = 20000 };
    static bool hundredth[KEYS];
    static const double shares[] = {0.01, 0.1, 0.5};
    char key[32];
    uint32_t hash, before = 0;
    for (int i = 0; i < 3; i++) {
        uint32_t n = 0;
        begins(RECORDING_SIZES, (uint32_t)(shares[i] * UINT32_MAX));
        for (uint32_t k = 0; k < KEYS; k++) {
            int len = snprintf(key, sizeof key, "key:%u", k);
            bool takes = feed_takes_key(&feed, (uint8_t *)key, (size_t)len, &hash);
            assert_true(takes || !hundredth[k]);
            if (i == 0) hundredth[k] = takes;
            n += takes;
        }
        assert_true(n > before && n > 0.8 * shares[i] * KEYS && n < 1.2 * shares[i] * KEYS);
        before = n;
        close(reader);
        reader = 0;
    }
}

static void a_smaller_share_begins_with_a_datagram(void **state)
{
    struct seen s = {0};
    begins(RECORDING_SIZES, UINT32_MAX);
    adds(1, 0);
    feed.spent = 1e9; /* a second */
    turns(0.001);
    assert_int_equal(feed.budget.share, UINT32_MAX / 2);
    for (uint32_t i = 2; i < 1002; i++) adds(i, 0);
    turns(0.001); /* the first one is sent */
    reads(&s);
    assert_int_equal(s.takes, 1);
    assert_int_equal(s.share, UINT32_MAX);
    turns(0.3);
    reads(&s);
    assert_int_equal(s.share, UINT32_MAX / 2);
    assert_in_range(s.takes, 400, 600);
}

static void a_feed_without_time_for_all_keys_rests_and_counts_what_it_misses(void **state)
{
    enum { TURNS = 2000, A_TURN = 10000 };
    struct seen s = {0};
    uint64_t looked = 0;
    begins(RECORDING_SIZES, UINT32_MAX / 4 + 1);
    feed.look_cost = 10; /* nanoseconds: 1000 times 10000 keys are 0.1 s */
    for (int i = 0; i < TURNS; i++) {
        bool looks = feed_looks(&feed);
        if (looks) adds((uint32_t)i, 0);
        row.keys_routed += A_TURN;
        if (looks) feed.looked += A_TURN - 1;
        looked += looks * A_TURN;
        turns(0.001);
        reads(&s);
    }
    /* This process has worked less than 0.25 of that time or little more: 0.007 of it, of 0.1 that it would take. */
    double part = (double)looked / TURNS / A_TURN;
    if (part < 0.015 || part > 0.08) fail_msg("looks at %g of the keys", part);
    feed_end(&feed, now);
    turns(0.001);
    reads(&s);
    assert_true(s.is_last);
    assert_int_equal(s.lost, row.recorded_lost);
    double missed = 0.25 * (double)(TURNS * (uint64_t)A_TURN - looked);
    assert_true((double)s.lost > 0.99 * missed && (double)s.lost < 1.01 * missed);
}

static void settings_are_a_text_and_back(void **state)
{
    struct feed_settings s = {.mode = RECORDING_VALUES, .share = 77, .prefix_len = 4}, t;
    char text[FEED_TEXT];
    memcpy(s.prefix, "a b ", 4);
    feed_settings_print(&s, text);
    assert_true(feed_settings_read(&t, text));
    assert_memory_equal(&s, &t, sizeof s);
    s.prefix_len = 0;
    feed_settings_print(&s, text);
    assert_true(feed_settings_read(&t, text));
    assert_int_equal(t.prefix_len, 0);
    static const char *const wrong[] = {"",         "values",   "values 0 ",
                                        "value 5 ", "values 5", "values x "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(feed_settings_read(&t, wrong[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(takes_are_sent_when_they_fill_a_datagram_or_are_old),
        test(the_end_sends_what_is_there_and_says_so),
        test(a_take_that_is_longer_than_a_datagram_goes_on_in_the_next_ones),
        test(what_finds_no_room_is_dropped_and_counted),
        test(a_reader_that_does_not_come_back_is_not_waited_for_longer_than_a_second),
        test(a_reader_that_has_gone_ends_it),
        test(a_share_is_one_of_keys_and_a_part_of_a_larger_one),
        test(a_smaller_share_begins_with_a_datagram),
        test(a_feed_without_time_for_all_keys_rests_and_counts_what_it_misses),
        test(settings_are_a_text_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
