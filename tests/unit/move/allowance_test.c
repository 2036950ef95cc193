/* allowance: what may be done by now at a rate. load: how much slower, when servers are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "move/allowance.h"
#include "move/load.h"
#include <cmocka.h>

/* How many are done in so many seconds, looked at every millisecond, one at a time. */
static int done_in(struct allowance *a, double from, double seconds)
{
    int done = 0;
    for (double now = from; now < from + seconds; now += 0.001) {
        while (allowance_look(a, now)) {
            allowance_take(a, 1);
            done++;
        }
    }
    return done;
}

static void as_many_as_the_rate_says(void **state)
{
    struct allowance a = {.rate = 0};
    allowance_set(&a, 1000, 0.01, 100);
    int done = done_in(&a, 100, 2);
    assert_in_range(done, 1980, 2020);
    allowance_set(&a, 10, 0.01, 102);
    done = done_in(&a, 102, 2);
    assert_in_range(done, 18, 22);
}

static void a_pause_is_not_made_up_for(void **state)
{
    struct allowance a = {.rate = 0};
    allowance_set(&a, 1000, 0.01, 100);
    (void)done_in(&a, 100, 0.1);
    int done = done_in(&a, 200, 0.1);
    assert_in_range(done, 95, 112); /* the burst is 10 */
}

static void what_is_known_only_afterwards_is_waited_for(void **state)
{
    struct allowance a = {.rate = 0};
    allowance_set(&a, 100, 0.1, 1);
    assert_true(allowance_look(&a, 1.1));
    allowance_take(&a, 500); /* one large value */
    assert_false(allowance_look(&a, 5.9));
    assert_true(allowance_look(&a, 6.1));
}

static void without_a_limit_all_may_be_done(void **state)
{
    struct allowance a = {.rate = 0};
    allowance_set(&a, INFINITY, 0.1, 1);
    for (int i = 0; i < 1000; i++) {
        assert_true(allowance_look(&a, 1));
        allowance_take(&a, 1e9);
    }
}

/* --- load -------------------------------------------------------------------------------------- */

/* So many windows in which each server answers in that time. */
static double after(struct load *l, double *now, int windows, double seconds)
{
    double factor = 1;
    for (int i = 0; i < windows; i++) {
        for (int n = 0; n < 20; n++) load_note(l, 3, seconds);
        *now += 0.25;
        factor = load_look(l, *now);
    }
    return factor;
}

static void slow_servers_slow_it_down_and_quick_ones_do_not(void **state)
{
    struct load l;
    double now = 10;
    load_init(&l, 3, now);
    assert_true(after(&l, &now, 10, 0.001) == 1);
    assert_true(after(&l, &now, 10, 0.0028) == 1); /* less than three times */
    double slow = after(&l, &now, 3, 0.01);
    assert_true(slow < 0.4);
    assert_true(after(&l, &now, 100, 0.01) >= 0.01);
    assert_true(after(&l, &now, 40, 0.001) == 1);
    load_release(&l);
}

static void what_is_quick_in_itself_does_not_count(void **state)
{
    struct load l;
    double now = 10;
    load_init(&l, 3, now);
    (void)after(&l, &now, 5, 0.00005);
    assert_true(after(&l, &now, 10, 0.0009) == 1);
    load_release(&l);
}

static void with_0_nothing_is_compared(void **state)
{
    struct load l;
    double now = 10;
    load_init(&l, 0, now);
    (void)after(&l, &now, 5, 0.001);
    assert_true(after(&l, &now, 10, 1) == 1);
    load_release(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_the_rate_says),
        cmocka_unit_test(a_pause_is_not_made_up_for),
        cmocka_unit_test(what_is_known_only_afterwards_is_waited_for),
        cmocka_unit_test(without_a_limit_all_may_be_done),
        cmocka_unit_test(slow_servers_slow_it_down_and_quick_ones_do_not),
        cmocka_unit_test(what_is_quick_in_itself_does_not_count),
        cmocka_unit_test(with_0_nothing_is_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
