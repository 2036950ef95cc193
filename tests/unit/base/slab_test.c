/* slab: blocks are large enough, aligned, apart from each other, and come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slab.h"
#include <cmocka.h>
#include <string.h>

static const size_t sizes[] = {0,   1,   63,  64,   65,   128,  129,  192,  193,   320,
                               448, 512, 513, 1000, 2048, 4095, 4096, 4097, 100000};

enum { SIZES = sizeof sizes / sizeof *sizes, BLOCKS = 100 };

static void a_block_has_all_the_room_that_it_says(void **state)
{
    for (size_t i = 0; i < SIZES; i++) {
        size_t room = slab_room(sizes[i]);
        void *p = slab_borrow(sizes[i]);
        assert_true(room >= sizes[i]);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, 0xff, room);
        slab_return(p, sizes[i]);
    }
}

static void blocks_do_not_overlap(void **state)
{
    static uint8_t *blocks[SIZES][BLOCKS];
    for (size_t n = 0; n < BLOCKS; n++) {
        for (size_t i = 0; i < SIZES; i++) {
            blocks[i][n] = slab_borrow(sizes[i]);
            memset(blocks[i][n], (int)(i * BLOCKS + n) % 251, slab_room(sizes[i]));
        }
    }
    for (size_t n = 0; n < BLOCKS; n++) {
        for (size_t i = 0; i < SIZES; i++) {
            for (size_t at = 0; at < slab_room(sizes[i]); at++)
                assert_int_equal(blocks[i][n][at], (i * BLOCKS + n) % 251);
            slab_return(blocks[i][n], sizes[i]);
        }
    }
}

#ifndef __SANITIZE_ADDRESS__
static void a_small_block_is_at_most_a_cache_line_larger(void **state)
{
    for (size_t size = 1; size <= 512; size++) assert_in_range(slab_room(size), size, size + 63);
    for (size_t size = 513; size <= 4096; size++) assert_in_range(slab_room(size), size, size * 2);
}

static void what_was_returned_last_is_borrowed_next(void **state)
{
    for (size_t i = 0; i < SIZES && sizes[i] <= 4096; i++) {
        void *p = slab_borrow(sizes[i]);
        slab_return(p, sizes[i]);
        assert_ptr_equal(slab_borrow(slab_room(sizes[i])), p);
        slab_return(p, sizes[i]);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_has_all_the_room_that_it_says),
        cmocka_unit_test(blocks_do_not_overlap),
#ifndef __SANITIZE_ADDRESS__ /* there every block is a malloc of its own */
        cmocka_unit_test(a_small_block_is_at_most_a_cache_line_larger),
        cmocka_unit_test(what_was_returned_last_is_borrowed_next),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
