/* budget: the share of keys becomes smaller while recording costs too much, and larger again, by a clock that the test sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/budget.h"

static const double TURN = 0.001; /* seconds */

/* Runs for so many seconds, in which recording all keys would cost that part of the time, and so many bytes
 * a second. Returns what was spent, as a part of the time. */
static double runs(struct budget *b, double *now, double seconds, double cost, double bytes)
{
    double spent = 0;
    for (double end = *now + seconds; *now < end;) {
        double share = (double)b->share / UINT32_MAX;
        struct budget_bill bill = {.worked = TURN,
                                   .seconds = cost * share * TURN,
                                   .bytes = (uint64_t)(bytes * share * TURN)};
        *now += TURN;
        spent += bill.seconds;
        (void)budget_look(b, *now, &bill);
    }
    return spent / seconds;
}

static void what_costs_little_is_recorded_whole(void **state)
{
    struct budget b;
    double now = 1000;
    (void)state;
    budget_begin(&b, UINT32_MAX, now);
    runs(&b, &now, 60, 0.009, 1e6);
    assert_int_equal(b.share, UINT32_MAX);
}

static void what_costs_too_much_becomes_a_sample(void **state)
{
    static const double costs[] = {0.015, 0.05, 0.3, 5};
    struct budget b;
    (void)state;
    for (int i = 0; i < 4; i++) {
        double now = 1000;
        budget_begin(&b, UINT32_MAX, now);
        runs(&b, &now, 10, costs[i], 0);
        double spent = runs(&b, &now, 600, costs[i], 0);
        if (spent > 0.0105 || spent < 0.003) fail_msg("%g: spends %g", costs[i], spent);
    }
}

static void the_first_seconds_cost_little_more(void **state)
{
    struct budget b;
    double now = 1000;
    (void)state;
    budget_begin(&b, UINT32_MAX, now);
    assert_true(runs(&b, &now, 2, 0.08, 0) < 0.016);
}

static void it_is_recorded_whole_again_when_the_load_has_gone(void **state)
{
    struct budget b;
    double now = 1000;
    (void)state;
    budget_begin(&b, UINT32_MAX / 2, now);
    runs(&b, &now, 30, 1, 0);
    assert_true(b.share < UINT32_MAX / 32);
    runs(&b, &now, 200, 0.001, 0);
    assert_int_equal(b.share, UINT32_MAX / 2); /* never more than was asked for */
}

static void a_part_of_what_the_worker_works_is_meant(void **state)
{
    struct budget b;
    double now = 1000;
    (void)state;
    budget_begin(&b, UINT32_MAX, now);
    for (int i = 0; i < 100000;
         i++) { /* it works half of the time, and recording takes 0.008 of all time */
        struct budget_bill bill = {.worked = TURN / 2,
                                   .seconds = 0.008 * TURN * b.share / UINT32_MAX};
        (void)budget_look(&b, now += TURN, &bill);
    }
    assert_int_equal(b.share, UINT32_MAX / 2);
}

static void bytes_are_bounded_too(void **state)
{
    struct budget b;
    double now = 1000;
    (void)state;
    budget_begin(&b, UINT32_MAX, now);
    runs(&b, &now, 60, 0.001, 20e6);
    assert_int_equal(b.share, UINT32_MAX);
    runs(&b, &now, 60, 0.001, 400e6);
    assert_in_range(b.share, UINT32_MAX / 128, UINT32_MAX / 8);
}

static void a_slow_reader_gets_less(void **state)
{
    struct budget b;
    struct budget_bill bill = {.has_lost = true};
    double now = 1000;
    (void)state;
    budget_begin(&b, UINT32_MAX, now);
    assert_true(budget_look(&b, now += TURN, &bill));
    assert_int_equal(b.share, UINT32_MAX / 2);
    assert_false(budget_look(&b, now += TURN, &bill)); /* its effect is waited for */
    for (int i = 0; i < 100000; i++) (void)budget_look(&b, now += TURN, &bill);
    assert_int_equal(b.share, 4096);
}

static void a_small_share_is_not_made_smaller_than_asked(void **state)
{
    struct budget b;
    double now = 1000;
    (void)state;
    budget_begin(&b, 5, now);
    runs(&b, &now, 10, 1e9, 0);
    assert_int_equal(b.share, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_costs_little_is_recorded_whole),
        cmocka_unit_test(what_costs_too_much_becomes_a_sample),
        cmocka_unit_test(the_first_seconds_cost_little_more),
        cmocka_unit_test(it_is_recorded_whole_again_when_the_load_has_gone),
        cmocka_unit_test(a_part_of_what_the_worker_works_is_meant),
        cmocka_unit_test(bytes_are_bounded_too),
        cmocka_unit_test(a_slow_reader_gets_less),
        cmocka_unit_test(a_small_share_is_not_made_smaller_than_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
