/* blob: counts, and growing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include <cmocka.h>
#include <malloc.h>
#include <string.h>

static void a_blob_is_empty_and_counted_once_when_it_is_made(void **state)
{
    struct blob *blob = blob_create(100);
    assert_int_equal(blob->counts, 1);
    assert_int_equal(blob->len, 0);
    assert_int_equal(blob->cap, 100);
    assert_null(blob->next);
    blob_give(blob);
}

static void bytes_live_until_the_last_count_is_given(void **state)
{
    struct blob *blob = blob_create(5);
    memcpy(blob->bytes, "hello", 5);
    assert_ptr_equal(blob_take(blob), blob);
    assert_int_equal(blob->counts, 2);
    blob_give(blob);
    assert_int_equal(blob->counts, 1);
    assert_memory_equal(blob->bytes, "hello", 5);
    blob_give(blob);
}

static void growing_keeps_the_bytes_and_never_shrinks(void **state)
{
    struct blob *blob = blob_create(5);
    memcpy(blob->bytes, "hello", 5);
    blob->len = 5;
    blob = blob_grow(blob, 1 << 20);
    assert_int_equal(blob->cap, 1 << 20);
    assert_int_equal(blob->len, 5);
    assert_memory_equal(blob->bytes, "hello", 5);
    assert_ptr_equal(blob_grow(blob, 10), blob);
    assert_int_equal(blob->cap, 1 << 20);
    blob_give(blob);
}

static void a_blob_of_no_bytes_is_a_blob(void **state)
{
    struct blob *blob = blob_grow(blob_create(0), 1);
    blob->bytes[0] = 'x';
    blob_give(blob);
}

#if !defined(__SANITIZE_ADDRESS__)
/* Only large ones are kept, and the one that was freed last is taken first. */
static void a_freed_blob_is_used_again_where_it_fits(void **state)
{
    enum { SIZE = 200000 };
    struct blob *first = blob_reuse(SIZE), *second = blob_reuse(SIZE);
    first->len = SIZE;
    blob_give(first);
    blob_give(second);
    assert_ptr_equal(blob_reuse(SIZE - 1000), second);
    assert_int_equal(second->counts, 1);
    assert_int_equal(second->len, 0);
    struct blob *small = blob_reuse(SIZE / 2), *large = blob_reuse(SIZE * 2);
    assert_true(small != first && small->cap >= SIZE / 2);
    assert_true(large != first && large->cap >= SIZE * 2);
    struct blob *again = blob_reuse(SIZE);
    assert_ptr_equal(again, first);
    assert_int_equal(again->len, 0);
    blob_give(small);
    blob_give(large);
    blob_give(again);
    blob_give(second);
}

/* What is freed all at once is kept only in part: malloc has the rest. */
static void few_freed_blobs_are_kept(void **state)
{
    enum { N = 100, SIZE = 1 << 20, KEPT = 5 << 20 };
    struct blob *blobs[N];
    for (int i = 0; i < N; i++) {
        blobs[i] = blob_create(SIZE);
        memset(blobs[i]->bytes, i, SIZE);
    }
    size_t had = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < N; i++) blob_give(blobs[i]);
    size_t has = mallinfo2().uordblks + mallinfo2().hblkhd;
    assert_true(had - has >= (size_t)N * SIZE - KEPT);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blob_is_empty_and_counted_once_when_it_is_made),
        cmocka_unit_test(bytes_live_until_the_last_count_is_given),
        cmocka_unit_test(growing_keeps_the_bytes_and_never_shrinks),
        cmocka_unit_test(a_blob_of_no_bytes_is_a_blob),
#if !defined(__SANITIZE_ADDRESS__) /* where all are given to malloc */
        cmocka_unit_test(a_freed_blob_is_used_again_where_it_fits),
        cmocka_unit_test(few_freed_blobs_are_kept),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
