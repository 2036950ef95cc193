/* blob: counts, and growing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include <cmocka.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blob_is_empty_and_counted_once_when_it_is_made),
        cmocka_unit_test(bytes_live_until_the_last_count_is_given),
        cmocka_unit_test(growing_keeps_the_bytes_and_never_shrinks),
        cmocka_unit_test(a_blob_of_no_bytes_is_a_blob),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
