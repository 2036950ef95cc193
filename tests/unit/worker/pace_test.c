/* pace: the longest turn of the last 10 to 20 seconds, and none from before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/pace.h"
#include <cmocka.h>

/* A turn that begins then, and takes so many milliseconds. */
static uint64_t turn(struct pace *p, struct board_row *row, double at, double ms)
{
    pace_begin(p, at);
    pace_end(p, at + ms / 1000, row);
    return (row->longest_turn_us + 500) / 1000;
}

static void the_longest_turn_is_shown_for_10_to_20_s(void **state)
{
    struct pace p = {0};
    struct board_row row = {0};
    (void)state;
    assert_int_equal(turn(&p, &row, 100, 5), 5);
    assert_int_equal(turn(&p, &row, 101, 80), 80);
    assert_int_equal(turn(&p, &row, 102, 1), 80);
    assert_int_equal(turn(&p, &row, 109, 7), 80);
    assert_int_equal(turn(&p, &row, 111, 20), 80);
    assert_int_equal(turn(&p, &row, 119, 1), 80);
    assert_int_equal(turn(&p, &row, 122, 1), 20);
    assert_int_equal(turn(&p, &row, 133, 1), 1);
}

/* As long as a worker sleeps it has no turn, and what was before is forgotten even so. */
static void after_a_long_sleep_nothing_is_left(void **state)
{
    struct pace p = {0};
    struct board_row row = {0};
    (void)state;
    assert_int_equal(turn(&p, &row, 100, 900), 900);
    assert_int_equal(turn(&p, &row, 200, 2), 2);
}

static void before_the_first_turn_there_is_none(void **state)
{
    struct pace p = {0};
    struct board_row row = {0};
    (void)state;
    pace_end(&p, 5000, &row);
    assert_int_equal(row.longest_turn_us, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_turn_is_shown_for_10_to_20_s),
        cmocka_unit_test(after_a_long_sleep_nothing_is_left),
        cmocka_unit_test(before_the_first_turn_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
