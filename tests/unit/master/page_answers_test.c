/* page_answers: who may see keys and log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "master/page_answers.h"
#include "master/status.h"

static void keys_are_for_readers_on_loopback_unless_all_may_see_them(void **state)
{
    const struct http_request near = {.path = "/", .is_near = true}, far = {.path = "/"};
    const struct options closed = {.metrics_keys = false}, open = {.metrics_keys = true};
    assert_int_equal(page_parts_for(&near, &closed), STATUS_KEYS);
    assert_int_equal(page_parts_for(&near, &open), STATUS_KEYS);
    assert_int_equal(page_parts_for(&far, &closed), 0);
    assert_int_equal(page_parts_for(&far, &open), STATUS_KEYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_for_readers_on_loopback_unless_all_may_see_them),
    };
    return cmocka_run_group_tests_name("page_answers", tests, NULL, NULL);
}
