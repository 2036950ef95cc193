/* record_intake: datagrams of several workers become takes of a file; what is lost on the way spoils no other take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/live.h"
#include "protocol/command.h"
#include "record/datagram.h"
#include "tools/record_intake.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LONG_VALUE = 150000 };

static char folder[] = "/tmp/moongate-test-XXXXXX", path[64];
static struct record_files files;
static struct record_intake intake;

static int set_up(void **state)
{
    static char made[sizeof folder];
    const struct record_files_plan plan = {.path = path};
    const struct recording_about about = {.mode = RECORDING_VALUES, .sample = 1, .version = "t"};
    (void)state;
    memcpy(made, folder, sizeof made);
    if (!mkdtemp(made)) return -1;
    snprintf(path, sizeof path, "%s/r", made);
    if (!record_files_open(&files, &plan, &about)) return -1;
    record_intake_init(&intake, &files, NULL);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    record_intake_release(&intake);
    unlink(path);
    *strrchr(path, '/') = '\0';
    return rmdir(path);
}

/* A worker's stream, cut into datagrams as the test wants. */
struct stream {
    struct datagram_head head;
    uint8_t bytes[sizeof(struct datagram_head) + DATAGRAM_MAX];
    size_t len;
};

static struct stream stream_of(int pid)
{
    struct stream s = {.head = {.layout = DATAGRAM_LAYOUT,
                                .mark = take_mark(),
                                .pid = pid,
                                .at = 1795933723,
                                .share = UINT32_MAX},
                       .len = 0};
    return s;
}

static void put(struct stream *s, const void *bytes, size_t len)
{
    assert_true(s->len + len <= DATAGRAM_MAX - sizeof s->head);
    memcpy(s->bytes + sizeof s->head + s->len, bytes, len);
    s->len += len;
}

/* A take of that key, whose at_us is `at`, behind one whose at_us is `before`. */
static size_t encode(uint8_t *to, size_t room, const char *key, const void *value, size_t len,
                     uint64_t before, uint64_t at)
{
    const struct take t = {.at_us = at,
                           .parts = 1,
                           .command = COMMAND_SET,
                           .result = LIVE_STORED,
                           .key = (const uint8_t *)key,
                           .key_len = (uint16_t)strlen(key),
                           .value = value,
                           .value_len = (uint32_t)len};
    size_t n = take_encode(&t, &before, to, room);
    assert_true(n > 0);
    return n;
}

static void put_take(struct stream *s, const char *key, uint64_t before, uint64_t at)
{
    uint8_t bytes[400];
    put(s, bytes, encode(bytes, sizeof bytes, key, "v", 1, before, at));
}

/* Gives the datagram with so many bytes of an earlier take. */
static enum intake_status give(struct stream *s, uint32_t first)
{
    s->head.number++;
    s->head.first = first;
    memcpy(s->bytes, &s->head, sizeof s->head);
    enum intake_status status = record_intake_take(&intake, s->bytes, sizeof s->head + s->len);
    s->len = 0;
    return status;
}

/* What the file has: keys with a comma behind each, and the last take's time. */
static const char *keys_of_file(uint64_t *at, uint64_t *lost)
{
    static char keys[4096];
    char error[RECORDING_ERROR];
    struct take t;
    assert_true(record_files_close(&files));
    struct recording *r = recording_open(path, error);
    assert_non_null(r);
    keys[0] = '\0';
    enum recording_event e;
    while ((e = recording_next(r, &t)) == RECORDING_TAKE) {
        snprintf(keys + strlen(keys), sizeof keys - strlen(keys), "%.*s,", (int)t.key_len, t.key);
        *at = t.at_us;
        for (size_t i = 0; t.value_len > 100 && i < t.value_len; i++)
            assert_int_equal(t.value[i], (uint8_t)(i % 251));
    }
    assert_int_equal(e, RECORDING_END);
    *lost = recording_lost(r);
    recording_close(r);
    return keys;
}

static void whole_takes_of_two_workers_come_in_their_order(void **state)
{
    struct stream a = stream_of(10), b = stream_of(11);
    uint64_t at, lost;
    (void)state;
    put_take(&a, "a1", 0, 100);
    put_take(&a, "a2", 100, 90);
    put_take(&b, "b1", 0, 95);
    a.head.lost = 3;
    assert_int_equal(give(&a, 0), INTAKE_OK);
    assert_int_equal(give(&b, 0), INTAKE_OK);
    put_take(&a, "a3", 0, 200);
    a.head.lost = 5;
    a.head.share = UINT32_MAX / 4;
    assert_int_equal(give(&a, 0), INTAKE_OK);
    assert_int_equal(intake.takes, 4);
    assert_int_equal(intake.lost, 5);
    assert_int_equal(intake.least_share, UINT32_MAX / 4);
    assert_string_equal(keys_of_file(&at, &lost), "a1,a2,b1,a3,");
    assert_int_equal(at, 200);
    assert_int_equal(lost, 5);
}

/* Sends a take of LONG_VALUE bytes by datagrams of `piece` bytes; number `missing` (from 1 on) is lost. Another worker's come between them. */
static void send_long(struct stream *a, struct stream *b, size_t piece, size_t missing)
{
    static uint8_t value[LONG_VALUE], bytes[LONG_VALUE + 400];
    for (size_t i = 0; i < sizeof value; i++) value[i] = (uint8_t)(i % 251);
    size_t len = encode(bytes, sizeof bytes, "long", value, sizeof value, 100, 300), sent = 0;
    put_take(a, "before", 0, 100);
    for (size_t n = 1; sent < len; n++) {
        size_t now = len - sent < piece ? len - sent : piece;
        put(a, bytes + sent, now);
        if (n == missing) a->head.number++;
        if (n == missing)
            a->len = 0;
        else
            assert_int_equal(give(a, n == 1 ? 0 : (uint32_t)now), INTAKE_OK);
        sent += now;
        put_take(b, "b", 0, n);
        assert_int_equal(give(b, 0), INTAKE_OK);
    }
    put_take(a, "after", 0, 400);
    assert_int_equal(give(a, 0), INTAKE_OK);
}

static void a_long_take_is_put_together(void **state)
{
    struct stream a = stream_of(10), b = stream_of(11);
    uint64_t at, lost;
    (void)state;
    send_long(&a, &b, 50000, 0);
    assert_string_equal(keys_of_file(&at, &lost), "before,b,b,b,long,b,after,");
    assert_int_equal(at, 400);
}

/* Its length may be cut, too. */
static void a_take_may_be_cut_anywhere(void **state)
{
    struct stream a = stream_of(10);
    uint8_t bytes[400], value[300];
    (void)state;
    memset(value, 'v', sizeof value);
    size_t len = encode(bytes, sizeof bytes, "k", value, sizeof value, 50, 60);
    assert_true(len > 128); /* a length of two bytes */
    for (size_t cut = 1; cut < len; cut++) {
        put_take(&a, "x", 0, 50);
        put(&a, bytes, cut);
        assert_int_equal(give(&a, 0), INTAKE_OK);
        put(&a, bytes + cut, len - cut);
        put_take(&a, "y", 0, 70);
        assert_int_equal(give(&a, (uint32_t)(len - cut)), INTAKE_OK);
    }
    assert_int_equal(intake.takes, 3 * (len - 1));
    assert_true(record_files_close(&files));
    char error[RECORDING_ERROR];
    struct take t;
    struct recording *r = recording_open(path, error);
    static const uint64_t times[] = {50, 60, 70};
    size_t n = 0;
    for (; recording_next(r, &t) == RECORDING_TAKE; n++) assert_int_equal(t.at_us, times[n % 3]);
    assert_int_equal(n, 3 * (len - 1));
    recording_close(r);
}

static void a_lost_datagram_costs_its_takes_alone(void **state)
{
    struct stream a = stream_of(10), b = stream_of(11);
    uint64_t at, lost;
    (void)state;
    send_long(&a, &b, 50000, 2);
    send_long(&a, &b, 50000, 1);
    assert_string_equal(keys_of_file(&at, &lost), "before,b,b,b,b,after,b,b,b,b,after,");
}

static void what_cannot_be_read_is_said(void **state)
{
    struct stream a = stream_of(10);
    (void)state;
    put_take(&a, "x", 0, 50);
    a.head.mark ^= 1;
    assert_int_equal(give(&a, 0), INTAKE_WRONG);
    assert_non_null(strstr(intake.wrong, "version"));
    a.head.mark ^= 1;
    put(&a, "\x05\xff\xff\xff\xff\xff", 6);
    assert_int_equal(give(&a, 0), INTAKE_WRONG);
    put(&a, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11);
    assert_int_equal(give(&a, 0), INTAKE_WRONG);
    put(&a, "x", 1);
    assert_int_equal(give(&a, 2), INTAKE_WRONG);
    assert_int_equal(record_intake_take(&intake, a.bytes, 5), INTAKE_WRONG);
    assert_true(record_files_close(&files));
}

/* Workers that are replaced for ever take no more memory. */
static void streams_are_bounded(void **state)
{
    (void)state;
    for (int pid = 1; pid <= 3 * INTAKE_STREAMS; pid++) {
        struct stream s = stream_of(pid);
        put_take(&s, "k", 0, 1);
        put(&s, "\x7f", 1); /* a take that never goes on */
        assert_int_equal(give(&s, 0), INTAKE_OK);
    }
    assert_int_equal(intake.streams_n, INTAKE_STREAMS);
    assert_int_equal(intake.takes, 3 * INTAKE_STREAMS);
    assert_true(record_files_close(&files));
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(whole_takes_of_two_workers_come_in_their_order),
        test(a_long_take_is_put_together),
        test(a_take_may_be_cut_anywhere),
        test(a_lost_datagram_costs_its_takes_alone),
        test(what_cannot_be_read_is_said),
        test(streams_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
