/* latency: no time is told more than 3 % wrong, be it microseconds or minutes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/latency.h"
#include <cmocka.h>
#include <math.h>

static const double LAST =
    134.217728; /* seconds: the least time of those that have no limit, and a bit more */

/* As a percentile tells it, when it is the only time. */
static double told(double seconds)
{
    struct latency l = {.sum_us = 0};
    latency_note(&l, seconds);
    assert_int_equal(latency_count(&l), 1);
    return latency_percentile(&l, 0.5);
}

static void any_time_is_told_within_3_percent(void **state)
{
    (void)state;
    for (double t = 1e-6; t < LAST; t *= 1.0037) {
        double error = fabs(told(t) - t);
        if (error > 1e-6 + 0.0313 * t) fail_msg("%.7f s is told as %.7f s", t, told(t));
    }
}

/* No gap and no overlap: the limit of a bucket is the first time of the next. */
static void buckets_follow_each_other(void **state)
{
    (void)state;
    for (unsigned i = 0; i + 1 < LATENCY_BUCKETS; i++) {
        uint64_t limit = (uint64_t)llround(latency_limit(i) * 1e6);
        assert_int_equal(latency_bucket_us(limit - 1), i);
        assert_int_equal(latency_bucket_us(limit), i + 1);
    }
    assert_true(isinf(latency_limit(LATENCY_BUCKETS - 1)));
}

static void up_to_16_us_each_has_its_own_bucket_and_then_16_a_doubling(void **state)
{
    (void)state;
    for (unsigned us = 0; us < 32; us++) assert_int_equal(latency_bucket_us(us), us);
    for (uint64_t us = 16; us < 1u << 25; us *= 2)
        assert_int_equal(latency_bucket_us(2 * us) - latency_bucket_us(us), 16);
}

static void what_is_no_time_or_has_no_end_is_counted(void **state)
{
    struct latency l = {.sum_us = 0};
    (void)state;
    latency_note(&l, -1);
    latency_note(&l, 0);
    latency_note(&l, NAN);
    assert_int_equal(l.counts[0], 3);
    assert_int_equal(l.sum_us, 0);
    latency_note(&l, LAST);
    latency_note(&l, 1e300);
    latency_note(&l, INFINITY);
    assert_int_equal(l.counts[LATENCY_BUCKETS - 1], 3);
    assert_int_equal(latency_count(&l), 6);
    assert_true(latency_percentile(&l, 1) > 100 && latency_percentile(&l, 1) < LAST + 1);
}

static void a_percentile_is_the_time_that_the_share_does_not_exceed(void **state)
{
    struct latency l = {.sum_us = 0};
    (void)state;
    assert_true(latency_percentile(&l, 0.5) == 0);
    for (int i = 1; i <= 1000; i++) latency_note(&l, i * 1e-3);
    assert_true(fabs(latency_percentile(&l, 0.5) - 0.5) < 0.5 * 0.032);
    assert_true(fabs(latency_percentile(&l, 0.99) - 0.99) < 0.99 * 0.032);
    assert_true(fabs(latency_percentile(&l, 1) - 1) < 0.032);
    assert_true(latency_percentile(&l, 0.001) < 0.00104);
    assert_true(l.sum_us > 500400000 && l.sum_us <= 500500000);
}

static void sums_add_up(void **state)
{
    struct latency one = {.sum_us = 0}, other = {.sum_us = 0};
    (void)state;
    latency_note(&one, 0.001);
    latency_note(&other, 0.001);
    latency_note(&other, 2);
    latency_add(&one, &other);
    assert_int_equal(latency_count(&one), 3);
    assert_int_equal(one.counts[latency_bucket(0.001)], 2);
    assert_int_equal(one.sum_us, 2002000);
}

static void a_measured_span_is_the_time_between(void **state)
{
    struct latency_span span = {0};
    (void)state;
    latency_measure(&span, 10, 10.5);
    assert_int_equal(span.us, 500000);
    latency_measure(&span, 10, 10.5);
    assert_int_equal(span.bucket, latency_bucket(0.5));
    latency_measure(&span, 10, 12);
    assert_int_equal(span.us, 2000000);
    latency_measure(&span, 11, 12);
    assert_int_equal(span.us, 1000000);
    assert_int_equal(span.bucket, latency_bucket(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_time_is_told_within_3_percent),
        cmocka_unit_test(buckets_follow_each_other),
        cmocka_unit_test(up_to_16_us_each_has_its_own_bucket_and_then_16_a_doubling),
        cmocka_unit_test(what_is_no_time_or_has_no_end_is_counted),
        cmocka_unit_test(a_percentile_is_the_time_that_the_share_does_not_exceed),
        cmocka_unit_test(sums_add_up),
        cmocka_unit_test(a_measured_span_is_the_time_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
