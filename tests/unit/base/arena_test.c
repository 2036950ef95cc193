/* arena: a turn's memory: bumping, trimming, what does not fit, and forgetting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include <cmocka.h>
#include <string.h>

static int make(void **state)
{
    static struct arena arena;
    arena_init(&arena, 100);
    *state = &arena;
    return 0;
}

static int forget(void **state)
{
    arena_release(*state);
    return 0;
}

static void allocations_stand_side_by_side(void **state)
{
    struct arena *a = *state;
    uint8_t *first = arena_alloc(a, 10), *second = arena_alloc(a, 90);
    assert_ptr_equal(second, first + 10);
    assert_int_equal(arena_room(a), 0);
    assert_null(a->adopted);
}

static void what_does_not_fit_gets_a_blob_and_the_block_goes_on(void **state)
{
    struct arena *a = *state;
    arena_alloc(a, 60);
    uint8_t *large = arena_alloc(a, 41);
    memset(large, 'x', 41);
    assert_non_null(a->adopted);
    assert_ptr_equal(a->adopted->bytes, large);
    assert_int_equal(arena_room(a), 40);
    assert_ptr_equal(arena_alloc(a, 40), a->bytes + 60);
}

static void only_the_end_of_the_newest_allocation_is_trimmed(void **state)
{
    struct arena *a = *state;
    uint8_t *first = arena_alloc(a, 20), *second = arena_alloc(a, 30);
    arena_trim(a, first + 20, 20);
    assert_int_equal(a->used, 50);
    arena_trim(a, second + 30, 10);
    assert_int_equal(a->used, 40);
    uint8_t *large = arena_alloc(a, 500);
    arena_trim(a, large + 500, 100);
    assert_int_equal(a->used, 40);
}

static void reset_gives_back_every_adopted_blob_once(void **state)
{
    struct arena *a = *state;
    struct blob *kept = blob_create(10);
    arena_adopt(a, blob_take(kept));
    for (int i = 0; i < 5; i++) arena_adopt(a, blob_create(10));
    arena_alloc(a, 1000);
    assert_int_equal(kept->counts, 2);
    arena_reset(a);
    assert_int_equal(kept->counts, 1);
    assert_null(kept->next);
    assert_null(a->adopted);
    assert_int_equal(arena_room(a), 100);
    arena_adopt(a, kept); /* again, in another turn */
}

static void a_rewind_forgets_what_came_after_its_mark(void **state)
{
    struct arena *a = *state;
    arena_alloc(a, 10);
    size_t mark = arena_mark(a);
    arena_alloc(a, 50);
    arena_rewind(a, mark);
    assert_int_equal(arena_room(a), 90);
}

static void no_bytes_are_an_allocation_too(void **state)
{
    struct arena *a = *state;
    arena_alloc(a, 100);
    assert_non_null(arena_alloc(a, 0));
    assert_null(a->adopted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(allocations_stand_side_by_side, make, forget),
        cmocka_unit_test_setup_teardown(what_does_not_fit_gets_a_blob_and_the_block_goes_on, make,
                                        forget),
        cmocka_unit_test_setup_teardown(only_the_end_of_the_newest_allocation_is_trimmed, make,
                                        forget),
        cmocka_unit_test_setup_teardown(reset_gives_back_every_adopted_blob_once, make, forget),
        cmocka_unit_test_setup_teardown(a_rewind_forgets_what_came_after_its_mark, make, forget),
        cmocka_unit_test_setup_teardown(no_bytes_are_an_allocation_too, make, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
