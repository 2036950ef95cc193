/* presence: how many clients a name has in one process, against a plain count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/presence.h"

static struct presence *all; /* all zero before each test */

static int clear(void **state)
{
    if (!all) all = malloc(sizeof *all);
    if (!all) return -1;
    memset(all, 0, sizeof *all);
    return 0;
}

static void each_name_is_counted_by_itself(void **state)
{
    uint64_t a = presence_name(1, "a", 1), b = presence_name(1, "b", 1);
    assert_true(a != b && a != presence_name(2, "a", 1) && a == presence_name(1, "a", 1));
    assert_int_equal(presence_count(all, a), 0);
    uint16_t one = presence_enter(all, a), two = presence_enter(all, a);
    assert_int_equal(one, two);
    uint16_t other = presence_enter(all, b);
    assert_true(other != one && other != PRESENCE_NONE);
    assert_int_equal(presence_count(all, a), 2);
    assert_int_equal(presence_count(all, b), 1);
    presence_leave(all, one);
    assert_int_equal(presence_count(all, a), 1);
    presence_leave(all, two);
    assert_int_equal(presence_count(all, a), 0);
    assert_int_equal(presence_count(all, b), 1);
    presence_clear(all);
    assert_int_equal(presence_count(all, b), 0);
}

/* Names that begin alike share their places: as many as there are have one, whichever of them leaves. */
static void a_name_without_a_place_is_not_counted_and_disturbs_nobody(void **state)
{
    uint16_t places[PRESENCE_PROBES];
    const uint64_t first = 7, step = PRESENCE_PLACES;
    for (uint64_t i = 0; i < PRESENCE_PROBES; i++) {
        places[i] = presence_enter(all, first + i * step);
        assert_int_not_equal(places[i], PRESENCE_NONE);
        for (uint64_t k = 0; k < i; k++) assert_int_not_equal(places[i], places[k]);
    }
    uint64_t late = first + PRESENCE_PROBES * step;
    assert_int_equal(presence_enter(all, late), PRESENCE_NONE);
    presence_leave(all, PRESENCE_NONE);
    assert_int_equal(presence_count(all, late), 0);
    presence_leave(all, places[3]);
    assert_int_equal(presence_enter(all, late), places[3]);
    for (uint64_t i = 0; i < PRESENCE_PROBES; i++)
        assert_int_equal(presence_count(all, first + i * step), i != 3);
    assert_int_equal(presence_count(all, late), 1);
}

/* Names at both ends of the table, and in the same places. */
static void any_coming_and_going_counts_right(void **state)
{
    enum { NAMES = 64, STEPS = 20000 };
    uint64_t names[NAMES], n[NAMES] = {0};
    uint16_t places[NAMES] = {0};
    srand48(1);
    for (uint64_t i = 0; i < NAMES; i++)
        names[i] = PRESENCE_PLACES - 8 + i % 8 + (i / 8 + 1) * PRESENCE_PLACES;
    for (int step = 0; step < STEPS; step++) {
        size_t i = (size_t)lrand48() % NAMES;
        if (n[i] > 0 && lrand48() % 2) {
            presence_leave(all, places[i]);
            n[i]--;
        } else if (n[i] > 0) {
            assert_int_equal(presence_enter(all, names[i]), places[i]);
            n[i]++;
        } else if ((places[i] = presence_enter(all, names[i])) != PRESENCE_NONE) {
            n[i] = 1;
        }
        if (step % 100 == 0)
            for (size_t k = 0; k < NAMES; k++)
                assert_int_equal(presence_count(all, names[k]), n[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_name_is_counted_by_itself, clear),
        cmocka_unit_test_setup(a_name_without_a_place_is_not_counted_and_disturbs_nobody, clear),
        cmocka_unit_test_setup(any_coming_and_going_counts_right, clear),
    };
    return cmocka_run_group_tests_name("presence", tests, NULL, NULL);
}
