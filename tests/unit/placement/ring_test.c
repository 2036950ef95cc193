/* A ring is in order, however its values are spread: compared with a plain sort and a plain search. */
#include "lib/scene.h"
#include "lib/stage.h"
#include "placement/ring.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct ring_point *p = a, *q = b;
    if (p->value != q->value) return p->value < q->value ? -1 : 1;
    return (p->server > q->server) - (p->server < q->server);
}

static uint32_t search(const struct ring_point *points, uint32_t n, uint32_t hash)
{
    uint32_t i = 0;
    while (i < n && points[i].value < hash) i++;
    return i < n ? i : 0;
}

/* So many points, whose values are `mask` of random ones, moved up by `shift`. */
static void check(uint32_t n, uint32_t mask, unsigned shift)
{
    struct ring ring = {0};
    struct ring_point *points = calloc(n, sizeof *points);
    unsigned seed = n + mask + shift;
    assert_non_null(points);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t value = ((random_next(&seed) << 16 ^ random_next(&seed)) & mask) << shift;
        points[i] = (struct ring_point){value, random_below(&seed, 50)};
        ring_add(&ring, points[i].value, points[i].server);
    }
    qsort(points, n, sizeof *points, compare);
    ring_close(&ring);
    assert_int_equal(ring.points_n, n);
    assert_memory_equal(ring.points, points, n * sizeof *points);
    for (uint32_t i = 0; i < n; i += 1 + n / 200) {
        for (uint32_t hash = points[i].value - 1, k = 0; k < 3; hash++, k++)
            assert_int_equal(ring_find(&ring, hash) - ring.points, search(points, n, hash));
    }
    assert_int_equal(ring_find(&ring, 0) - ring.points, search(points, n, 0));
    assert_int_equal(ring_find(&ring, UINT32_MAX) - ring.points, search(points, n, UINT32_MAX));
    ring_release(&ring);
    free(points);
}

static void values_that_are_spread_evenly(void **state)
{
    static const uint32_t sizes[] = {1, 2, 3, 7, 8, 9, 100, 1000, 20000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) check(sizes[i], UINT32_MAX, 0);
}

/* As crc16 makes them: all in the first few buckets. And all in the last, and few values for many points. */
static void values_that_lie_together(void **state)
{
    static const uint32_t sizes[] = {2, 17, 1000, 20000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check(sizes[i], 0xffff, 0);
        check(sizes[i], 0xff, 24);
        check(sizes[i], 3, 30);
        check(sizes[i], 0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_are_spread_evenly),
        cmocka_unit_test(values_that_lie_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
