/* steering: the table of what operators have decided, and its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/steering.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct steer steer_of(const char *server, const char *pool, bool drained, double weight)
{
    struct steer s = {.drained = drained, .weight = weight};
    snprintf(s.server, sizeof s.server, "%s", server);
    snprintf(s.pool, sizeof s.pool, "%s", pool);
    return s;
}

static void what_is_printed_is_read(void **state)
{
    char long_name[BACKEND_NAME_MAX];
    memset(long_name, '\t', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const struct steer all[] = {
        steer_of("10.0.0.1:11211", "", true, -1), steer_of("10.0.0.1:11211", "users", false, 2.5),
        steer_of("unix:/a b\\c\n", "", true, 3),  steer_of("x", "p", false, -1),
        steer_of("%20", "", false, 1e6),
    };
    char text[STEER_TEXT_MAX];
    struct steer back;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_true(steer_read(&back, steer_print(&all[i], text)));
        assert_string_equal(back.server, all[i].server);
        assert_string_equal(back.pool, all[i].pool);
        assert_int_equal(back.drained, all[i].drained);
        assert_true(fabs(back.weight - all[i].weight) < 1e-9);
        assert_null(strchr(text, '\n'));
    }
    /* One that does not fit says so when it is read. */
    struct steer odd = steer_of(long_name, "", true, -1);
    assert_false(steer_read(&back, steer_print(&odd, text)));
}

static void other_texts_are_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "steer",
        "steer\tserver=x",
        "steer\tserver=\tpool=\tdrained#1",
        "steer\tserver=x\tpool=p\tdrained#1", /* a drain is for all pools */
        "steer\tserver=x\tpool=\tdrained=yes",
        "\xff\xfe",
    };
    struct steer back;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(steer_read(&back, wrong[i]));
}

static void a_table_has_one_decision_for_a_server_and_pool(void **state)
{
    static struct steering t;
    struct steer one = steer_of("a", "", true, -1), two = steer_of("a", "p", false, 4);
    assert_true(steering_set(&t, &one));
    assert_true(steering_set(&t, &two));
    one.weight = 2;
    assert_true(steering_set(&t, &one));
    assert_int_equal(t.n, 2);
    assert_true(steering_drains(&t, "a"));
    assert_false(steering_drains(&t, "b"));
    assert_true(fabs(steering_weight(&t, "a", "p") - 4) < 1e-9);
    assert_true(fabs(steering_weight(&t, "a", "q") - 2) < 1e-9);
    assert_true(steering_weight(&t, "b", "p") < 0);
    steering_remove(&t, steering_find(&t, "a", "p"));
    assert_true(fabs(steering_weight(&t, "a", "p") - 2) < 1e-9);
    assert_int_equal(t.n, 1);
}

static void a_table_takes_no_more_than_its_room(void **state)
{
    static struct steering t;
    for (int i = 0; i < STEERING_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        struct steer one = steer_of(name, "", true, -1);
        assert_true(steering_set(&t, &one));
    }
    struct steer more = steer_of("more", "", true, -1), known = steer_of("7", "", false, 2);
    assert_false(steering_set(&t, &more));
    assert_true(steering_set(&t, &known));
    assert_false(steering_drains(&t, "7"));
}

static void weights_are_numbers_above_zero(void **state)
{
    static const char *const wrong[] = {"",    "0",  "0.0", "-1",      "+1", "1e3",
                                        "nan", "1x", ".",   "1000001", " 1", "resets"};
    double weight;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(steer_read_weight(wrong[i], &weight));
    assert_true(steer_read_weight("0.5", &weight) && fabs(weight - 0.5) < 1e-9);
    assert_true(steer_read_weight("1000000", &weight) && weight > 999999);
    /* As a message to a worker has it. */
    assert_true(steer_read_weight("1.23456789", &weight) && fabs(weight - 1.23457) < 1e-12);
    assert_true(steer_read_weight("reset", &weight) && weight < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_is_read),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(a_table_has_one_decision_for_a_server_and_pool),
        cmocka_unit_test(a_table_takes_no_more_than_its_room),
        cmocka_unit_test(weights_are_numbers_above_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
