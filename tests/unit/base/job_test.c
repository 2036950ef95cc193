/* Work in slices: it goes on where it paused, and ends once. */
#include "base/job.h"
#include "lib/stage.h"

#include <stdlib.h>
#include <string.h>

struct counting {
    long steps, done;
    bool stops_when_unwanted;
    uintptr_t top;
    size_t bytes;
};

static void count(void *arg)
{
    struct counting *c = arg;
    c->top = job_stack(&c->bytes);
    for (c->done = 0; c->done < c->steps; c->done++) {
        job_rest();
        if (c->stops_when_unwanted && job_is_unwanted()) return;
    }
}

static void it_pauses_where_its_slice_is_over_and_goes_on_there(void **state)
{
    struct counting c = {.steps = 10};
    struct job j = {0};

    assert_false(job_is_open(&j));
    assert_true(job_begin(&j, count, &c));
    assert_true(job_is_open(&j));
    assert_null(job_running);
    for (long i = 0; i < c.steps; i++) {
        assert_false(job_go_on(&j, 0)); /* a slice without time ends at the first rest */
        assert_int_equal(c.done, i);
        assert_null(job_running);
    }
    assert_true(job_go_on(&j, 0));
    assert_int_equal(c.done, c.steps);
    assert_int_equal(j.slices, c.steps + 1);
    assert_false(job_is_open(&j));
}

static void a_slice_with_time_ends_it(void **state)
{
    struct counting c = {.steps = 1000};
    struct job j = {0};
    assert_true(job_begin(&j, count, &c));
    assert_true(job_go_on(&j, 3600));
    assert_int_equal(c.done, c.steps);
}

static void it_can_be_brought_to_its_end_at_once(void **state)
{
    struct counting c = {.steps = 1000};
    struct job j = {0};
    assert_true(job_begin(&j, count, &c));
    assert_false(job_go_on(&j, 0));
    job_finish(&j);
    assert_int_equal(c.done, c.steps);
    job_finish(&j); /* nothing is open any more */
}

static void who_asks_learns_that_nobody_wants_it(void **state)
{
    struct counting c = {.steps = 1000, .stops_when_unwanted = true};
    struct job j = {0};
    assert_true(job_begin(&j, count, &c));
    assert_false(job_go_on(&j, 0));
    job_give_up(&j);
    assert_false(job_is_unwanted()); /* only inside */
    job_finish(&j);
    assert_int_equal(c.done, 0);
}

static void outside_of_a_job_a_rest_is_nothing(void **state)
{
    size_t bytes;
    job_rest();
    job_rest_often();
    assert_int_equal(job_stack(&bytes), 0);
}

/* 16 MiB: a stack that was not large enough would hit its guard. */
static void fill_stack(void *arg)
{
    char room[16 << 20];
    memset(room, *(char *)arg, sizeof room);
    *(char *)arg = room[sizeof room / 2];
}

static void its_stack_is_its_own_and_large(void **state)
{
    struct counting c = {.steps = 1};
    struct job j = {0};
    char byte = 7;
    int here;
    assert_true(job_begin(&j, count, &c));
    job_finish(&j);
    assert_in_range(c.bytes, 32 << 20, 128 << 20);
    uintptr_t at = (uintptr_t)&here;
    assert_false(at < c.top && at >= c.top - c.bytes);
    assert_true(job_begin(&j, fill_stack, &byte));
    job_finish(&j);
    assert_int_equal(byte, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_pauses_where_its_slice_is_over_and_goes_on_there),
        cmocka_unit_test(a_slice_with_time_ends_it),
        cmocka_unit_test(it_can_be_brought_to_its_end_at_once),
        cmocka_unit_test(who_asks_learns_that_nobody_wants_it),
        cmocka_unit_test(outside_of_a_job_a_rest_is_nothing),
        cmocka_unit_test(its_stack_is_its_own_and_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
