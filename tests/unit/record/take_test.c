/* take: what is encoded is decoded, and no bytes of any kind lead the decoder outside of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "record/take.h"
#include "unit/protocol/guard.h"
#include "unit/record/random_takes.h"
#include <cmocka.h>

enum { ROUNDS = 20000, STREAM = 64 };

static void is_same(const struct take *a, const struct take *b)
{
    const char *field = take_difference(a, b);
    if (field) fail_msg("%s differs", field);
}

static void a_stream_of_takes_is_read_as_it_was_written(void **state)
{
    static struct random_take all[STREAM];
    static uint8_t bytes[STREAM * (sizeof all[0].bytes + TAKE_NUMBERS)];
    uint64_t seed = seed_of_test();
    (void)state;
    for (int round = 0; round < ROUNDS / STREAM; round++) {
        uint64_t time = 0;
        size_t len = 0;
        for (size_t i = 0; i < STREAM; i++) {
            random_take(&all[i], &seed);
            size_t n = take_encode(&all[i].take, &time, bytes + len, sizeof bytes - len);
            assert_in_range(n, 1, take_room(&all[i].take));
            len += n;
        }
        const uint8_t *at = bytes;
        struct take t;
        time = 0;
        for (size_t i = 0; i < STREAM; i++) {
            assert_int_equal(take_decode(&at, bytes + len, &time, &t), TAKE_OK);
            is_same(&t, &all[i].take);
        }
        assert_ptr_equal(at, bytes + len);
        assert_int_equal(take_decode(&at, bytes + len, &time, &t), TAKE_END);
    }
}

/* Each strict prefix is refused, and nothing behind it is read: the page there may not be touched. */
static void no_part_of_a_take_is_a_take(void **state)
{
    struct random_take one;
    struct guard g;
    uint8_t bytes[sizeof one.bytes + TAKE_NUMBERS];
    uint64_t seed = seed_of_test();
    (void)state;
    guard_init(&g, sizeof bytes);
    for (int round = 0; round < 200; round++) {
        uint64_t time = 0;
        struct take t;
        random_take(&one, &seed);
        size_t len = take_encode(&one.take, &time, bytes, sizeof bytes);
        for (size_t n = 0; n <= len; n++) {
            const uint8_t *at = guard_place(&g, bytes, n), *begin = at;
            uint64_t before = time = 77;
            enum take_status status = take_decode(&at, begin + n, &time, &t);
            assert_int_equal(status, n == 0 ? TAKE_END : n < len ? TAKE_BAD : TAKE_OK);
            if (status != TAKE_OK) assert_ptr_equal(at, begin);
            if (status != TAKE_OK) assert_int_equal(time, before);
        }
    }
    guard_release(&g);
}

static bool is_inside(const uint8_t *text, size_t len, const uint8_t *begin, const uint8_t *end)
{
    return len == 0 || (text >= begin && text + len <= end);
}

/* What is decoded keeps its promises. */
static void is_sane(const struct take *t, const uint8_t *begin, const uint8_t *end)
{
    assert_true(t->parts >= 1 && t->part < t->parts && t->parts <= TAKE_PARTS);
    assert_true(t->key_len <= TAKE_KEY && t->args_len <= TAKE_ARGS);
    assert_true(t->error_len <= TAKE_ERROR && t->listener_len <= TAKE_LISTENER);
    assert_true(is_inside(t->key, t->key_len, begin, end));
    assert_true(is_inside(t->args, t->args_len, begin, end));
    assert_true(is_inside(t->error, t->error_len, begin, end));
    assert_true(is_inside(t->listener, t->listener_len, begin, end));
    if (t->value) assert_true(is_inside(t->value, t->value_len, begin, end));
}

static void changed_bytes_never_lead_outside(void **state)
{
    struct random_take one;
    struct guard g;
    uint8_t bytes[sizeof one.bytes + TAKE_NUMBERS];
    uint64_t seed = seed_of_test();
    (void)state;
    guard_init(&g, sizeof bytes);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t time = 0;
        struct take t;
        random_take(&one, &seed);
        size_t len = take_encode(&one.take, &time, bytes, sizeof bytes);
        size_t where = random_number(&seed) % (round % 2 ? len : len < 40 ? len : 40);
        bytes[where] = (uint8_t)random_number(&seed);
        const uint8_t *at = guard_place(&g, bytes, len), *begin = at;
        while (take_decode(&at, begin + len, &time, &t) == TAKE_OK) is_sane(&t, begin, begin + len);
    }
    guard_release(&g);
}

static struct take decoded(const struct take *from, uint8_t *bytes, size_t room)
{
    uint64_t time = 0;
    struct take t;
    const uint8_t *at = bytes;
    size_t n = take_encode(from, &time, bytes, room);
    assert_true(n > 0);
    time = 0;
    assert_int_equal(take_decode(&at, bytes + n, &time, &t), TAKE_OK);
    return t;
}

static void what_is_too_long_is_cut_and_said(void **state)
{
    static uint8_t bytes[TAKE_MOST + 100], long_value[TAKE_VALUE + 1];
    const struct take from = {.parts = 1,
                              .value = long_value,
                              .value_len = TAKE_VALUE + 1,
                              .error = long_value,
                              .error_len = 300,
                              .listener = long_value,
                              .listener_len = 65};
    (void)state;
    struct take t = decoded(&from, bytes, sizeof bytes);
    assert_null(t.value);
    assert_true(t.cut);
    assert_int_equal(t.value_len, TAKE_VALUE + 1);
    assert_int_equal(t.error_len, TAKE_ERROR);
    assert_int_equal(t.listener_len, TAKE_LISTENER);

    struct take most = from;
    most.value_len = TAKE_VALUE;
    t = decoded(&most, bytes, sizeof bytes);
    assert_non_null(t.value);
    assert_false(t.cut);
    assert_int_equal(t.value_len, TAKE_VALUE);
}

static void what_does_not_fit_changes_nothing(void **state)
{
    struct random_take one;
    uint8_t bytes[sizeof one.bytes + TAKE_NUMBERS];
    uint64_t seed = seed_of_test(), time = 5;
    (void)state;
    random_take(&one, &seed);
    uint64_t begun = time;
    size_t len = take_encode(&one.take, &time, bytes, sizeof bytes);
    time = begun;
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(take_encode(&one.take, &time, bytes, len - 1), 0);
    assert_int_equal(time, begun);
    for (size_t i = 0; i < sizeof bytes; i++) assert_int_equal(bytes[i], 'x');
    assert_int_equal(take_encode(&one.take, &time, bytes, len), len);
}

/* A later version may write more behind a take, within its length. */
static void what_a_later_version_adds_is_skipped(void **state)
{
    const struct take from = {.parts = 1, .key = (const uint8_t *)"k", .key_len = 1, .at_us = 9};
    uint8_t bytes[100];
    uint64_t time = 0;
    struct take t;
    (void)state;
    size_t len = take_encode(&from, &time, bytes, sizeof bytes);
    assert_int_equal(bytes[0], len - 1);
    memcpy(bytes + len, "more", 4);
    bytes[0] = (uint8_t)(len - 1 + 4);
    memcpy(bytes + len + 4, bytes, len);
    bytes[len + 4] = (uint8_t)(len - 1);
    const uint8_t *at = bytes;
    time = 0;
    assert_int_equal(take_decode(&at, bytes + 2 * len + 4, &time, &t), TAKE_OK);
    is_same(&t, &from);
    assert_ptr_equal(at, bytes + len + 4);
    assert_int_equal(take_decode(&at, bytes + 2 * len + 4, &time, &t), TAKE_OK);
    assert_int_equal(t.at_us, 18);
}

/* A get of a key of 20 bytes. */
static void a_usual_take_is_small(void **state)
{
    const struct take t = {.at_us = 1795933723000100,
                           .worker = 3,
                           .client = 70000,
                           .parts = 1,
                           .command = COMMAND_GET,
                           .result = LIVE_HIT,
                           .key = (const uint8_t *)"user:12345678901234",
                           .key_len = 20,
                           .us = 350,
                           .bytes = 1024};
    uint64_t time = 1795933723000000;
    uint8_t bytes[200];
    (void)state;
    assert_in_range(take_encode(&t, &time, bytes, sizeof bytes), 30, 36);
}

/* That of src/record/README.md. */
static void the_example_of_the_format_is_true(void **state)
{
    static const uint8_t expected[] = {0x12, 0x00, 0x80, 0xf3, 0xcb, 0xf9, 0x8c, 0xd9, 0xb0, 0x06,
                                       0x00, 0x07, 0x01, 0x01, 0xde, 0x02, 0x1e, 0x01, 0x6b};
    const struct take t = {.at_us = 1795933723000000,
                           .client = 7,
                           .parts = 1,
                           .command = COMMAND_GET,
                           .result = LIVE_HIT,
                           .us = 350,
                           .bytes = 30,
                           .key = (const uint8_t *)"k",
                           .key_len = 1};
    uint8_t bytes[100];
    uint64_t time = 0;
    (void)state;
    assert_int_equal(take_encode(&t, &time, bytes, sizeof bytes), sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_of_takes_is_read_as_it_was_written),
        cmocka_unit_test(no_part_of_a_take_is_a_take),
        cmocka_unit_test(changed_bytes_never_lead_outside),
        cmocka_unit_test(what_is_too_long_is_cut_and_said),
        cmocka_unit_test(what_does_not_fit_changes_nothing),
        cmocka_unit_test(what_a_later_version_adds_is_skipped),
        cmocka_unit_test(a_usual_take_is_small),
        cmocka_unit_test(the_example_of_the_format_is_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
